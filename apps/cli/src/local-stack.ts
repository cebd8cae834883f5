import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

const endpointsSchema = z.object({ identity: z.string(), whs: z.string(), fleetprompt: z.string().optional() });

export interface LocalStack {
  identityUrl: string;
  marketplaceUrl: string | undefined;
  operatorToken: string | undefined;
}

/** What a stack on this machine wrote down of itself, if it is the one that serves this very API. */
export function findLocalStack(dataDir: string, apiUrl: string): LocalStack | undefined {
  const file = path.join(dataDir, "endpoints.json");
  if (!existsSync(file)) return undefined;
  const endpoints = endpointsSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!endpoints.success || new URL(endpoints.data.whs).origin !== new URL(apiUrl).origin) return undefined;
  return { identityUrl: endpoints.data.identity, marketplaceUrl: endpoints.data.fleetprompt, operatorToken: readOperatorToken(dataDir) };
}

function readOperatorToken(dataDir: string): string | undefined {
  const file = path.join(dataDir, "secrets.env");
  return existsSync(file) ? /^WHS_OPERATOR_TOKEN=(.+)$/m.exec(readFileSync(file, "utf8"))?.[1] : undefined;
}
