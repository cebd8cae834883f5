import { parseEnvironment } from "@whs/platform/config";
import path from "node:path";
import { z } from "zod";
import { ROOT } from "./child.ts";
import { DEFAULT_PORTS, type PortName, type Ports } from "./processes.ts";

const port = (name: PortName) =>
  z.coerce.number().int().min(0).max(65_535).default(DEFAULT_PORTS[name]).describe("a port number; 0 picks a free one");

const schema = z.object({
  WHS_DATA_DIR: z.string().default(".whs").describe("a folder"),
  PG_PORT: port("PG_PORT"),
  IDENTITY_PORT: port("IDENTITY_PORT"),
  WHS_PORT: port("WHS_PORT"),
  FLEETPROMPT_PORT: port("FLEETPROMPT_PORT"),
  WEB_PORT: port("WEB_PORT"),
  AGENTCORE_PORT: port("AGENTCORE_PORT"),
  METRICS_PORT: port("METRICS_PORT"),
});

export interface StackConfig {
  dataDir: string;
  ports: Ports;
  environment: NodeJS.ProcessEnv;
}

/** @throws ConfigurationError that names the variable and what it should be */
export function readStackConfig(environment: NodeJS.ProcessEnv = process.env): StackConfig {
  const { WHS_DATA_DIR, ...ports } = parseEnvironment(schema, environment);
  // Relative to the project's folder, not to wherever the command was typed.
  return { dataDir: path.resolve(ROOT, WHS_DATA_DIR), ports, environment };
}

/** What child processes inherit when the caller says nothing else. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}
