export { expireInstalls, purgeInstalls } from "./expire.ts";
export { bindHandOff, bindInstalls } from "./routes.ts";
