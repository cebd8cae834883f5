import { finding, type Finding, nodeFiles } from "@whs/artifact/contract";
import { isIP } from "node:net";
import path from "node:path";
import { parseEnv } from "node:util";
import { Api } from "./api.ts";
import type { Environment } from "./config.ts";
import { UsageError } from "./errors.ts";
import type { Output } from "./output.ts";

const DEFAULT_API_URL = "http://127.0.0.1:8787";
/** Enough for any manifest that the contract takes, and one byte to see that it is more. */
const MAX_READ_BYTES = 4 * 1024 * 1024 + 1;
const MAX_SECRET_FILE_BYTES = 1024 * 1024;

/** What a command works with. */
export class Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly cwd: string;

  constructor({ environment, output, cwd }: { environment: Environment; output: Output; cwd: string }) {
    this.environment = environment;
    this.output = output;
    this.cwd = cwd;
  }

  /** @throws UsageError without a token, or for an address that is none. */
  api(option: string | undefined): Api {
    const [url, source] = option === undefined ? [this.environment.apiUrl ?? DEFAULT_API_URL, "WHS_API_URL"] : [option, "--api-url"];
    const protocol = URL.canParse(url) ? new URL(url).protocol : "";
    if (protocol !== "http:" && protocol !== "https:") throw new UsageError(`${source} must be an address such as ${DEFAULT_API_URL}.`);
    const { apiToken } = this.environment;
    if (apiToken === undefined) throw new UsageError("WHS_API_TOKEN is not set: it must hold an API token of the account to deploy to.");
    if (protocol === "http:" && !isLoopback(url))
      this.output.progress(`Warning: ${url} is not encrypted: others on the way can read the token.`);
    return new Api(url.replace(/\/+$/, ""), apiToken);
  }

  /** The manifest's bytes, and the folder that its paths start at. */
  async readManifest(
    name: string,
  ): Promise<{ ok: true; bytes: Uint8Array; file: string; folder: string } | { ok: false; finding: Finding }> {
    const file = path.resolve(this.cwd, name);
    const real = await nodeFiles.realPath(file);
    const kind = real === null ? undefined : (await nodeFiles.stat(real))?.kind;
    if (real === null || kind !== "file") {
      const message = kind === "directory" ? `${name} is a folder, and not a manifest in it.` : `There is no file ${name}.`;
      return { ok: false, finding: finding("PAYLOAD_MANIFEST_MISSING", { path: "", message }) };
    }
    return { ok: true, bytes: await readBounded(real, MAX_READ_BYTES), file, folder: path.dirname(file) };
  }

  /** Names with their values from `--secret-env`; empty values are none. @throws UsageError */
  async readSecretFile(name: string | undefined): Promise<Map<string, string>> {
    if (name === undefined) return new Map();
    const file = await nodeFiles.realPath(path.resolve(this.cwd, name));
    if (file === null || (await nodeFiles.stat(file))?.kind !== "file") throw new UsageError(`--secret-env: there is no file ${name}.`);
    const bytes = await readBounded(file, MAX_SECRET_FILE_BYTES + 1);
    if (bytes.length > MAX_SECRET_FILE_BYTES) throw new UsageError(`--secret-env: ${name} has more than ${MAX_SECRET_FILE_BYTES} bytes.`);
    const values = Object.entries(parseEnv(Buffer.from(bytes).toString("utf8")));
    return new Map(values.flatMap(([key, value]) => (value === undefined || value === "" ? [] : [[key, value] as const])));
  }
}

async function readBounded(file: string, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of nodeFiles.read(file)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= most) break;
  }
  return Buffer.concat(chunks).subarray(0, most);
}

function isLoopback(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
