/** Secrets that nobody set are made up once and kept in `secrets.env`, readable by the owner only. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { writeAtomically } from "./files.ts";

/** All that the processes of the stack share or need before they can keep secrets of their own. */
export const SECRET_NAMES = [
  "AGENTCORE_LOCAL_ACCESS_KEY_ID",
  "AGENTCORE_LOCAL_SECRET_ACCESS_KEY",
  "BETTER_AUTH_SECRET",
  "FLEETPROMPT_INTERNAL_REDEEM_SECRET",
  "POSTGRES_PASSWORD",
  "WEB_SESSION_SECRET",
  "WHS_DELEGATION_SECRET",
  "WHS_OPERATOR_TOKEN",
] as const;

export type SecretName = (typeof SECRET_NAMES)[number];
export type Secrets = Record<SecretName, string>;

const SECRET_BYTES = 32;
const HEADER = "# Generated. A variable of the same name in the environment wins. Keep this file as safe as the database.";

/** Values from the environment first, then from the file, then new ones, which are written to the file. */
export function loadSecrets(dataDir: string, environment: NodeJS.ProcessEnv): Secrets {
  const file = path.join(dataDir, "secrets.env");
  const stored = existsSync(file) ? parse(readFileSync(file, "utf8")) : {};
  const missing = SECRET_NAMES.filter((name) => !environment[name] && !stored[name]);
  for (const name of missing) stored[name] = randomBytes(SECRET_BYTES).toString("base64url");
  if (missing.length > 0) writeAtomically(file, format(stored));
  const entries = SECRET_NAMES.map((name) => [name, environment[name] || stored[name]]);
  return Object.fromEntries(entries) as Secrets;
}

function parse(text: string): Record<string, string> {
  const assignments = text.split("\n").filter((line) => /^[A-Z][A-Z0-9_]*=/.test(line));
  return Object.fromEntries(assignments.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

function format(values: Record<string, string>): string {
  const lines = Object.keys(values)
    .toSorted()
    .map((name) => `${name}=${values[name]}`);
  return `${HEADER}\n${lines.join("\n")}\n`;
}
