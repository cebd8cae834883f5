export { bindPublishers } from "./routes.ts";
export { findProfile, findProfileOfUser } from "./store.ts";
