/** For the supervisor, which runs cells; the gateway needs none of it. */
export { assembleCell, COMPATIBILITY_DATE, type CellAssembly } from "./assemble.ts";
export { AGENT_MODULE, PORT_MODULE, SESSION_FOLDER, SHIM_MODULE, type CellFailure } from "./answers.ts";
export type { AgentCallOrder, Heartbeat, InvocationRecord, LoadCode, LoadTicket, LogRecord, SessionList, StorageRoom } from "./control.ts";
export type { CellLimits } from "./env.ts";
export { publicLoadError } from "../load-error.ts";
export { telemetryEvent } from "./telemetry-event.ts";
