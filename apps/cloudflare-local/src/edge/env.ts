import type { DurableObjectNamespace, Fetcher, WorkerLoader } from "cloudflare:workers";
import type { LocalObjectStub } from "./local-object.ts";

export interface EdgeEnv {
  LOADER: WorkerLoader;
  /** This server's control socket. */
  CONTROL: Fetcher;
  /** What tenants' scripts reach: public addresses alone. */
  INTERNET: Fetcher;
  /** What the account's own Workers reach, the control plane on this machine among it. */
  ANYWHERE: Fetcher;
  OBJECTS: DurableObjectNamespace<LocalObjectStub>;
}
