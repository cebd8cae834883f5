import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../errors.ts";
import type { Output } from "../terminal/output.ts";
import { printableLine } from "../terminal/style.ts";

const CLIENT_ID = "whs-cli";
/** RFC 8628, section 3.5: what `slow_down` adds to the interval. */
const SLOW_DOWN_SECONDS = 5;
const REQUEST_TIMEOUT_MS = 30_000;

/** RFC 8628, section 3.2. */
const codeSchema = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  verification_uri_complete: z.string().optional(),
  expires_in: z.number(),
  interval: z.number().default(5),
});
const errorSchema = z.object({ error: z.string(), error_description: z.string().optional() });
const accessSchema = z.object({ access_token: z.string() });
const jwtSchema = z.object({ token: z.string() });

/**
 * Signs a person in by the device flow (RFC 8628): they confirm a code in a browser, on this machine or another.
 * @returns a JWT that WHS accepts
 * @throws UserError when they refuse, take too long, or the service cannot be reached.
 */
export async function signInByDevice(identityUrl: string, output: Output): Promise<string> {
  const code = await post(identityUrl, "/api/auth/device/code", { client_id: CLIENT_ID }, codeSchema);
  // Whoever signs in needs the code, with --json too.
  output.stderr.write(
    `Open ${output.noteStyle.cyan(printableLine(code.verification_uri_complete ?? code.verification_uri))}\nand confirm the code ${output.noteStyle.bold(printableLine(code.user_code))}\n`,
  );
  const session = await pollForSession(identityUrl, code);
  const headers = { authorization: `Bearer ${session}` };
  const { token } = await parse(await request(identityUrl, "/api/auth/token", { headers }), jwtSchema);
  // From here on the API token counts; the browser's confirmation has done its work.
  const signedOut = await request(identityUrl, "/api/auth/sign-out", {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: "{}",
  });
  if (!signedOut.ok) output.warn(`The identity service kept the session open (HTTP ${signedOut.status}); it expires by itself.`);
  return token;
}

async function pollForSession(identityUrl: string, code: z.output<typeof codeSchema>): Promise<string> {
  const deadline = Date.now() + code.expires_in * 1000;
  let interval = code.interval;
  while (Date.now() < deadline) {
    await delay(interval * 1000);
    const response = await requestToken(identityUrl, code.device_code);
    if (response.ok) return (await parse(response, accessSchema)).access_token;
    const { error, error_description: description } = await parse(response, errorSchema);
    if (error === "slow_down") interval += SLOW_DOWN_SECONDS;
    else if (error === "access_denied") throw new UserError("The sign-in was refused in the browser.", { code: "UNAUTHENTICATED" });
    else if (error === "expired_token") break;
    else if (error !== "authorization_pending") throw new UserError(`Cannot sign in: ${description ?? error}`);
  }
  throw new UserError("Nobody confirmed the code in time.", { code: "UNAUTHENTICATED", next: ["whs login"] });
}

function requestToken(identityUrl: string, deviceCode: string): Promise<Response> {
  const body = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: deviceCode, client_id: CLIENT_ID };
  return request(identityUrl, "/api/auth/device/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function post<S extends z.ZodType>(identityUrl: string, path: string, body: unknown, schema: S): Promise<z.output<S>> {
  const response = await request(identityUrl, path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return parse(response, schema);
}

async function request(identityUrl: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(identityUrl + path, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  } catch (cause) {
    throw new UserError(`Cannot reach the identity service at ${identityUrl}.`, { code: "UNREACHABLE", next: ["whs doctor"], cause });
  }
}

async function parse<S extends z.ZodType>(response: Response, schema: S): Promise<z.output<S>> {
  const text = await response.text();
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(`${response.url} answers with something else than a sign-in service (HTTP ${response.status}).`, { cause });
  }
}
