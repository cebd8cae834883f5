export { defineAgent } from "./define-agent.ts";
export type * from "./types.ts";
