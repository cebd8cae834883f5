export { bindPublishers } from "./routes.ts";
export { findProfile, findProfileOfUser, type ProfileRow } from "./store.ts";
