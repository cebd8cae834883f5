/** What the stack consists of. A further process is one more entry here. */
import { existsSync } from "node:fs";
import path from "node:path";
import { ROOT } from "./child.ts";
import type { Directories } from "./directories.ts";
import type { Secrets, SecretName } from "./secrets.ts";

/** Every port and its default; 0 means any free one. */
export const DEFAULT_PORTS = {
  PG_PORT: 54_329,
  IDENTITY_PORT: 8786,
  WHS_PORT: 8787,
  FLEETPROMPT_PORT: 8788,
  WEB_PORT: 8789,
  AGENTCORE_PORT: 8790,
  METRICS_PORT: 8791,
} as const;

export type PortName = keyof typeof DEFAULT_PORTS;
export type Ports = Record<PortName, number>;

/** Addresses as `endpoints.json` holds them; only what runs has an entry. */
export type EndpointName = "identity" | "whs" | "fleetprompt" | "web" | "agentcore" | "postgres" | "metrics";
export type Endpoints = Partial<Record<EndpointName, string>>;

export type ProcessName = "postgres" | "identity" | "supervisor" | "agentcore" | "whs" | "fleetprompt" | "web";

/** All that is known before the first process starts. */
export interface Surroundings {
  directories: Directories;
  ports: Ports;
  secrets: Secrets;
  databaseUrl: string;
  fleetpromptDatabaseUrl: string;
}

export interface ProcessDeclaration {
  name: ProcessName;
  /** What it is, for people. */
  title: string;
  /** TypeScript file, from the project's root. */
  entry: string;
  /** Processes that must be ready before this one starts. */
  needs?: readonly ProcessName[];
  /** Processes that it talks to: they start at the same time, but stop only after it. */
  uses?: readonly ProcessName[];
  endpoint?: EndpointName;
  ports?: readonly PortName[];
  secrets?: readonly SecretName[];
  /** Further variables; the user's own environment wins over these. */
  env?: (surroundings: Surroundings) => Record<string, string>;
}

export const PROCESSES: readonly ProcessDeclaration[] = [
  {
    name: "postgres",
    title: "PostgreSQL",
    entry: "packages/stack/src/postgres/main.ts",
    endpoint: "postgres",
    ports: ["PG_PORT"],
    secrets: ["POSTGRES_PASSWORD"],
    env: ({ directories }) => ({ POSTGRES_DIRECTORY: directories.postgres, POSTGRES_DATABASES: "whs,fleetprompt" }),
  },
  {
    name: "identity",
    title: "Identity",
    entry: "apps/identity/src/main.ts",
    needs: ["postgres"],
    endpoint: "identity",
    ports: ["IDENTITY_PORT"],
    secrets: ["BETTER_AUTH_SECRET"],
  },
  {
    name: "supervisor",
    title: "Data plane",
    entry: "apps/supervisor/src/main.ts",
  },
  {
    name: "agentcore",
    title: "AgentCore (local)",
    entry: "apps/agentcore-local/src/main.ts",
    endpoint: "agentcore",
    ports: ["AGENTCORE_PORT"],
    secrets: ["AGENTCORE_LOCAL_ACCESS_KEY_ID", "AGENTCORE_LOCAL_SECRET_ACCESS_KEY"],
  },
  {
    name: "whs",
    title: "WHS API",
    entry: "apps/control-plane/src/main.ts",
    needs: ["postgres"],
    uses: ["identity", "supervisor", "agentcore"],
    endpoint: "whs",
    ports: ["WHS_PORT", "METRICS_PORT"],
    secrets: [
      "WHS_OPERATOR_TOKEN",
      "WHS_DELEGATION_SECRET",
      "FLEETPROMPT_INTERNAL_REDEEM_SECRET",
      "AGENTCORE_LOCAL_ACCESS_KEY_ID",
      "AGENTCORE_LOCAL_SECRET_ACCESS_KEY",
    ],
  },
  {
    name: "fleetprompt",
    title: "FleetPrompt API",
    entry: "apps/marketplace/src/main.ts",
    needs: ["postgres"],
    uses: ["identity", "whs"],
    endpoint: "fleetprompt",
    ports: ["FLEETPROMPT_PORT"],
    secrets: ["WHS_OPERATOR_TOKEN", "FLEETPROMPT_INTERNAL_REDEEM_SECRET"],
    env: ({ fleetpromptDatabaseUrl }) => ({ FLEETPROMPT_DATABASE_URL: fleetpromptDatabaseUrl }),
  },
  {
    name: "web",
    title: "Web",
    entry: "apps/web/src/main.ts",
    uses: ["identity", "whs", "fleetprompt"],
    endpoint: "web",
    ports: ["WEB_PORT"],
    secrets: ["WEB_SESSION_SECRET"],
  },
];

/** Whether this installation has the process at all. */
export function isInstalled(name: ProcessName): boolean {
  return PROCESSES.some((process) => process.name === name && existsSync(path.join(ROOT, process.entry)));
}

/** What every process may know: where the others are and where files go. The user's environment wins over these. */
export function sharedEnvironment({ directories, ports }: Surroundings, given: NodeJS.ProcessEnv): Record<string, string> {
  const address = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    NODE_ENV: "production",
    // Compiled modules from the last start; a third of a start is compiling.
    NODE_COMPILE_CACHE: path.join(directories.data, "cache", "modules"),
    // The embedded provider issues tokens in the name of its public address.
    OIDC_ISSUER: given.IDENTITY_PUBLIC_URL?.replace(/\/$/, "") || address(ports.IDENTITY_PORT),
    OIDC_AUDIENCE: "whs",
    WHS_API_URL: address(ports.WHS_PORT),
    WHS_PUBLIC_URL: address(ports.WHS_PORT),
    ...(isInstalled("fleetprompt")
      ? { FLEETPROMPT_URL: address(ports.FLEETPROMPT_PORT), FLEETPROMPT_API_URL: address(ports.FLEETPROMPT_PORT) }
      : {}),
    ...(isInstalled("web") ? { WEB_URL: address(ports.WEB_PORT) } : {}),
    ...(isInstalled("agentcore") ? { AGENTCORE_URL: address(ports.AGENTCORE_PORT) } : {}),
    WHS_RUN_DIR: directories.run,
    LOG_LEVEL: "info",
  };
}
