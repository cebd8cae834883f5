import { type DeployInput, ProviderError } from "../../port.ts";
import { COMPATIBILITY_DATE } from "../cell/assemble.ts";
import { scriptTags, sessionsScriptName } from "./names.ts";
import { type OwnWorkers, SHIM_FILE } from "./own-workers.ts";
import { type AgentScriptMetadata, agentModules, esModule, type ScriptUpload } from "./upload.ts";
import { CALLS_BINDING, CALLS_ENTRYPOINT, REVISION_BINDING, SESSION_OBJECT_CLASS, SESSIONS_BINDING } from "./workers/env.ts";
import type { DeploymentRecord } from "./workers/registry.ts";

export interface AgentScriptSurroundings {
  workers: OwnWorkers;
  /** Values by name. */
  secrets: Readonly<Record<string, string>>;
  namespace: string;
  /** The Worker that receives what the script writes. */
  tail: string;
  /** Our Worker through which the script's agent calls others. */
  dispatch: string;
  cpuMs: number;
}

/** Node's modules, which most bundles need some of, and what the shim needs to hear that a caller has gone. */
const DEFAULT_FLAGS = ["nodejs_compat"];
const OWN_FLAGS = ["enable_request_signal", "request_signal_passthrough"];
const MIGRATION_TAG = "v1";
/** Cloudflare's own copy of the logs is for the operator; requests' headers and addresses are left out of it. */
const OBSERVABILITY = { enabled: true, logs: { enabled: true, invocation_logs: false } };

/** @throws ProviderError `invalid` with what the author has to change. */
export function agentScript(input: DeployInput, record: DeploymentRecord, around: AgentScriptSurroundings): ScriptUpload {
  const { workers, secrets, namespace, tail, dispatch, cpuMs } = around;
  const compatibility_date = input.compatibilityDate ?? input.manifest.cloudflare?.compatibilityDate ?? COMPATIBILITY_DATE;
  if (compatibility_date > COMPATIBILITY_DATE)
    throw new ProviderError(
      "invalid",
      `The compatibility date ${compatibility_date} is later than this runtime's, ${COMPATIBILITY_DATE}.`,
      {
        reached: false,
      },
    );
  const flags = [...(input.compatibilityFlags ?? input.manifest.cloudflare?.compatibilityFlags ?? DEFAULT_FLAGS), ...OWN_FLAGS];
  const bindings: NonNullable<AgentScriptMetadata["bindings"]> = [
    ...Object.entries(secrets).map(([name, text]) => ({ type: "secret_text" as const, name, text })),
    { type: "secret_text", name: REVISION_BINDING, text: String(record.secretsRevision) },
  ];
  bindings.push({ type: "service", name: CALLS_BINDING, service: dispatch, entrypoint: CALLS_ENTRYPOINT });
  if (record.sessionful)
    bindings.push({
      type: "durable_object_namespace",
      name: SESSIONS_BINDING,
      class_name: SESSION_OBJECT_CLASS,
      script_name: sessionsScriptName(record),
      dispatch_namespace: namespace,
    });
  return {
    metadata: {
      main_module: SHIM_FILE,
      compatibility_date,
      compatibility_flags: [...new Set(flags)],
      bindings,
      tags: scriptTags({ ...record, build: workers.build }),
      tail_consumers: [{ service: tail }],
      observability: OBSERVABILITY,
      limits: { cpu_ms: cpuMs },
    },
    modules: agentModules(input.bundle, workers),
  };
}

/** @param migrationTag of the script as it is; absent when it is new, and its class with it */
export function sessionsScript(
  { userId, agentId }: { userId: string; agentId: string },
  workers: OwnWorkers,
  { migrationTag }: { migrationTag?: string | undefined },
): ScriptUpload {
  return {
    metadata: {
      main_module: "sessions.js",
      compatibility_date: COMPATIBILITY_DATE,
      bindings: [{ type: "durable_object_namespace", name: SESSIONS_BINDING, class_name: SESSION_OBJECT_CLASS }],
      ...(migrationTag === MIGRATION_TAG ? {} : { migrations: { new_tag: MIGRATION_TAG, new_sqlite_classes: [SESSION_OBJECT_CLASS] } }),
      tags: scriptTags({ userId, agentId, build: workers.build }),
      observability: OBSERVABILITY,
    },
    modules: [esModule("sessions.js", workers.sessions)],
  };
}
