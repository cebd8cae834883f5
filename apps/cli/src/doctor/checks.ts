import { ApiError, getMe } from "@whs/api";
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { installationRoot } from "../config.ts";
import { type Context, isLoopback } from "../context.ts";
import { NotSignedInError, UserError } from "../errors.ts";
import { findIdentityUrl } from "../identity/find-identity.ts";

export interface Check {
  name: string;
  state: "ok" | "warning" | "failed";
  finding: string;
  /** A command, or a short sentence, that mends it. */
  fix?: string;
}

/** What the API says while it cannot serve. */
const notReadySchema = z.object({
  error: z.object({ details: z.object({ failing: z.array(z.enum(["database", "secrets", "dataPlane"])) }) }),
});

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;
const PINNED_MAJOR = 24;

/** In the order in which one needs them; none depends on the outcome of another. */
export async function runChecks(context: Context): Promise<Check[]> {
  const local = isLoopback(context.apiUrl) ? [checkSandbox(), checkWorkerd(), checkDataDir(context)] : [];
  return Promise.all([
    checkNode(),
    checkProfileFile(context),
    checkApi(context),
    checkReady(context),
    checkSignIn(context),
    checkIdentity(context),
    ...local,
  ]);
}

async function checkNode(): Promise<Check> {
  const name = "Node";
  if (Number.parseInt(process.versions.node, 10) >= PINNED_MAJOR) return { name, state: "ok", finding: process.version };
  return { name, state: "failed", finding: `${process.version}; whs runs on ${PINNED_MAJOR}`, fix: "npm install" };
}

async function checkProfileFile({ profiles }: Context): Promise<Check> {
  const name = "Profiles";
  const { file } = profiles;
  if (!existsSync(file)) return { name, state: "ok", finding: `${file} (not written yet)` };
  const count = Object.keys(profiles.all()).length;
  if ((statSync(file).mode & 0o077) === 0) return { name, state: "ok", finding: `${file} (${count})` };
  return { name, state: "failed", finding: `${file} can be read by others`, fix: `chmod 600 ${file}` };
}

async function checkApi({ apiUrl }: Context): Promise<Check> {
  const name = "API";
  const answer = await get(`${apiUrl}/healthz`);
  if (typeof answer === "string")
    return { name, state: "failed", finding: `${apiUrl}: ${answer}`, fix: isLoopback(apiUrl) ? "whs up" : "check --api-url" };
  if (answer.ok) return { name, state: "ok", finding: apiUrl };
  return { name, state: "failed", finding: `${apiUrl}: HTTP ${answer.status}; is this a WHS?`, fix: "check --api-url" };
}

async function checkReady({ apiUrl }: Context): Promise<Check> {
  const name = "API ready";
  const answer = await get(`${apiUrl}/readyz`);
  if (typeof answer === "string") return { name, state: "failed", finding: answer };
  if (answer.ok) return { name, state: "ok", finding: "database and data plane answer" };
  const failing = notReadySchema.safeParse(answer.json).data?.error.details.failing ?? [];
  const finding = failing.length === 0 ? `HTTP ${answer.status}` : `cannot be used: ${failing.join(", ")}`;
  return { name, state: "failed", finding, fix: "look into the log of the API" };
}

async function checkSignIn(context: Context): Promise<Check> {
  const name = "Signed in";
  try {
    const { user } = await context.api.call(getMe, {});
    return { name, state: "ok", finding: `${user.email ?? user.name ?? user.id} (plan ${user.subscriptionTier})` };
  } catch (error) {
    if (error instanceof NotSignedInError) return { name, state: "warning", finding: error.message, fix: error.next[0] ?? "whs login" };
    if (!(error instanceof ApiError)) throw error;
    return { name, state: "failed", finding: error.message, ...(error.code === "UNAUTHENTICATED" ? { fix: "whs login" } : {}) };
  }
}

async function checkIdentity(context: Context): Promise<Check> {
  const name = "Identity";
  try {
    const url = await findIdentityUrl(context);
    const answer = await get(`${url}/api/auth/jwks`);
    if (typeof answer !== "string" && answer.ok) return { name, state: "ok", finding: url };
    return {
      name,
      state: "warning",
      finding: `${url}: ${typeof answer === "string" ? answer : `HTTP ${answer.status}`}; needed for whs login only`,
    };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, state: "warning", finding: error.message, ...(error.next[0] === undefined ? {} : { fix: error.next[0] }) };
  }
}

async function checkSandbox(): Promise<Check> {
  const name = "Sandbox";
  if (process.platform !== "linux")
    return { name, state: "warning", finding: "bubblewrap exists on Linux only: agents run unsandboxed here" };
  const version = await output("bwrap", "--version");
  if (version === undefined)
    return { name, state: "warning", finding: "bubblewrap is missing: agents run unsandboxed", fix: "sudo apt-get install -y bubblewrap" };
  if ((await output("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true")) !== undefined) return { name, state: "ok", finding: version };
  return {
    name,
    state: "warning",
    finding: `${version} cannot make a sandbox here: agents run unsandboxed`,
    fix: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
  };
}

async function checkWorkerd(): Promise<Check> {
  const name = "workerd";
  const version = await output(path.join(installationRoot, "node_modules", ".bin", "workerd"), "--version");
  if (version === undefined) return { name, state: "failed", finding: "it is missing, or does not run on this system", fix: "npm install" };
  return { name, state: "ok", finding: version };
}

async function checkDataDir({ environment }: Context): Promise<Check> {
  const name = "Data folder";
  const folder = environment.dataDir;
  const existing = existsSync(folder) ? folder : path.dirname(folder);
  try {
    accessSync(existing, constants.W_OK);
    return { name, state: "ok", finding: existing === folder ? folder : `${folder} (not there yet)` };
  } catch {
    // The system says no in several ways; each means the same here.
    return { name, state: "failed", finding: `${existing} cannot be written to`, fix: "set WHS_DATA_DIR to another folder" };
  }
}

/** The answer, or why there is none. */
async function get(url: string): Promise<{ ok: boolean; status: number; json: unknown } | string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: "manual" });
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return { ok: response.ok, status: response.status, json: isJson ? await response.json() : undefined };
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError" ? `no answer in ${TIMEOUT_MS / 1000} s` : "cannot be reached";
  }
}

/** What the program prints; undefined when it cannot be run or fails. */
async function output(program: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, args, { timeout: TIMEOUT_MS });
    return stdout.trim();
  } catch {
    // Missing and broken come to the same: the caller says what to install.
    return undefined;
  }
}
