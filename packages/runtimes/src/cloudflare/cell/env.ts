import type { DurableObjectNamespace, Fetcher, WorkerLoader } from "cloudflare:workers";
import type { SessionStub } from "./session-object.ts";

/** Bindings of the dispatcher; the cell's configuration makes them. */
export interface CellEnv {
  LOADER: WorkerLoader;
  /** The supervisor's control socket of this cell. */
  CONTROL: Fetcher;
  /** The supervisor's egress socket of this cell. */
  EGRESS: Fetcher;
  SESSION: DurableObjectNamespace<SessionStub>;
  /** Read access to the folder of sessions, to see which exist without waking them. */
  SESSION_FILES: Fetcher;
  LIMITS: CellLimits;
}

export interface CellLimits {
  /** Invocations at once; more are refused before they start. */
  maxInvocations: number;
  /** Requests of agents that wait for the beginning of an answer at once; more wait in line. */
  maxOutbound: number;
  /** Sessions whose files are open at once. */
  maxOpenSessions: number;
  /** How far sessions may be beyond their quota and still run: what was being written when it was reached. */
  storageToleranceBytes: number;
  /** Telemetry records and log events held while the supervisor is slow or away. */
  maxBuffered: number;
}
