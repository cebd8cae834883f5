/** The first process of an agent's container: `node wrapper.js [folder [port [session mount [milliseconds to drain]]]]`. */
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { AGENT_FOLDER, type AgentDescription, DESCRIPTION_FILE } from "../protocol.ts";
import { loadAgent, LoadError } from "./agent-module.ts";
import { findPlace, takeEnvironment } from "./environment.ts";
import { AgentLog } from "./logs.ts";
import { useProxyOnDemand } from "./proxy.ts";
import { createRedaction } from "./redaction.ts";
import { createWrapper } from "./server.ts";
import { SessionStores } from "./session-store.ts";

/** AgentCore gives a container this long to end, with a second to spare. */
const DRAIN_MS = 4_000;

const place = findPlace();
const [folder = import.meta.dirname, port = place.port, mount = place.mount, drainMs = String(DRAIN_MS)] = process.argv.slice(2);
const description = JSON.parse(readFileSync(path.join(folder, DESCRIPTION_FILE), "utf8")) as AgentDescription;
const env = takeEnvironment();
const log = new AgentLog(createRedaction(Object.values(env)));
log.capture();
// An agent's forgotten promise is its own affair, not the end of everybody's session.
process.on("unhandledRejection", (reason) => log.add("error", `Unhandled rejection: ${failureText(reason)}`));
process.on("uncaughtException", (error) => log.add("error", `Uncaught exception: ${failureText(error)}`));

const loaded = loadAgent(path.join(folder, AGENT_FOLDER), description, useProxyOnDemand()).catch((error: unknown) =>
  error instanceof LoadError ? error : new LoadError("The agent cannot be loaded.", { cause: error }),
);
const wrapper = createWrapper({ loaded, env, sessionful: description.sessionful, sessions: new SessionStores(mount), log });
wrapper.server.listen(Number(port), "0.0.0.0", () => {
  const address = wrapper.server.address() as AddressInfo;
  log.add("info", `listening on port ${address.port}`);
  // Not for the agent's log.
  log.takeWaiting();
});
process.on("SIGTERM", () => void wrapper.close(Number(drainMs)).then(() => process.exit(0)));

function failureText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
