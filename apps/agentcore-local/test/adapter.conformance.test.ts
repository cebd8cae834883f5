import { runtimeConformance } from "@whs/runtimes/conformance";
import { startAdapter } from "./adapter.ts";

runtimeConformance("agentcore on the local service", () => startAdapter({ AGENTCORE_LOCAL_MAX_SESSIONS: "200" }));
