import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "./errors.ts";

/** Folder that holds `node_modules`, the examples and this program. */
export const installationRoot = fileURLToPath(new URL("../../../", import.meta.url));

/** What the environment says. The only reader of `process.env` in this program. */
export interface Environment {
  /** `WHS_API_URL`; wins over the profile. */
  apiUrl: string | undefined;
  /** `WHS_API_TOKEN`; wins over the profile. */
  apiToken: string | undefined;
  /** `FLEETPROMPT_API_URL`: the marketplace's API. */
  marketplaceUrl: string | undefined;
  /** `WHS_OPERATOR_TOKEN`, for `whs admin`. */
  operatorToken: string | undefined;
  /** `XDG_CONFIG_HOME/whs`, or `~/.config/whs`. */
  configDir: string;
  /** `SOURCE_DATE_EPOCH` (reproducible-builds.org): when to say that something was made. */
  sourceDate: Date | undefined;
  /** Where a stack on this machine keeps its data: `WHS_DATA_DIR`, or `.whs` in the installation's folder. */
  dataDir: string;
  /** `WHS_MASTER_KEY_FILE`, or `master.key` in the data directory. */
  masterKeyFile: string;
}

/** How to talk to the person. */
export interface Manners {
  /** `NO_COLOR` (no-color.org) or a terminal that has none. */
  noColor: boolean;
  /** How this program was started, for the commands that it suggests: npm tells with `npm_command`. */
  program: "whs" | "npx whs";
}

export function readManners(variables: NodeJS.ProcessEnv = process.env): Manners {
  return {
    noColor: Boolean(variables.NO_COLOR) || variables.TERM === "dumb",
    program: variables.npm_command === "exec" ? "npx whs" : "whs",
  };
}

/** @throws UsageError naming the variable and what it should be. */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const read = (name: string): string | undefined => variables[name] || undefined;
  const apiUrl = read("WHS_API_URL");
  if (apiUrl !== undefined) checkUrl(apiUrl, "WHS_API_URL");
  const marketplaceUrl = read("FLEETPROMPT_API_URL");
  const dataDir = path.resolve(installationRoot, read("WHS_DATA_DIR") ?? ".whs");
  return {
    apiUrl,
    apiToken: read("WHS_API_TOKEN")?.trim(),
    marketplaceUrl: marketplaceUrl === undefined ? undefined : checkUrl(marketplaceUrl, "FLEETPROMPT_API_URL"),
    operatorToken: read("WHS_OPERATOR_TOKEN")?.trim(),
    sourceDate: readSourceDate(read("SOURCE_DATE_EPOCH")),
    configDir: path.join(read("XDG_CONFIG_HOME") ?? path.join(homedir(), ".config"), "whs"),
    dataDir,
    masterKeyFile: path.resolve(read("WHS_MASTER_KEY_FILE") ?? path.join(dataDir, "master.key")),
  };
}

function readSourceDate(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!/^\d{1,11}$/.test(text)) throw new UsageError(`SOURCE_DATE_EPOCH is "${text}": it must be seconds since 1970-01-01T00:00:00Z`);
  return new Date(seconds * 1000);
}

/** @throws UsageError for anything but an http or https address. */
export function checkUrl(url: string, source: string): string {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol === "http:" || protocol === "https:") return url.replace(/\/+$/, "");
  throw new UsageError(`${source} is "${url}": it must be an address such as http://127.0.0.1:8787`);
}
