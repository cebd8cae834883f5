export { runtimeNames } from "../../runtimes.ts";
