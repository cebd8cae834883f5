import { APIConnectionError, APIError } from "cloudflare";
import { publicLoadError } from "../load-error.ts";
import { ProviderError } from "../../port.ts";

/** The module could not be started; the message is what the author needs. */
const LOAD_FAILED = 10021;
/** The script, with all of its modules, is too large for the account's plan. */
const TOO_LARGE = 10027;

/** Cloudflare's answer in our words. What it said itself is the private cause, except an author's own error. */
export function providerError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const fail = (kind: ProviderError["kind"], message: string) => new ProviderError(kind, message, { reached: false, cause: error });
  if (error instanceof APIConnectionError) return fail("transient", "Cloudflare's API cannot be reached.");
  if (!(error instanceof APIError)) return fail("transient", "Cloudflare's API gave an unexpected answer.");
  const { status = 0 } = error;
  const [first] = error.errors;
  if (first?.code === LOAD_FAILED) return fail("invalid", publicLoadError(first.message ?? ""));
  if (first?.code === TOO_LARGE || status === 413)
    return fail("invalid", "The bundle is larger than Cloudflare takes: 10 MB compressed on a paid account, 64 MB in all.");
  if (status === 401 || status === 403) return fail("auth", "Cloudflare does not take the API token, or the token lacks a permission.");
  if (status === 404) return fail("not_found", "Cloudflare does not have what was asked for.");
  if (status === 429) return fail("capacity", "Cloudflare's API takes no more requests for now.");
  if (status === 409 || status >= 500) return fail("transient", "Cloudflare's API failed.");
  return new ProviderError("invalid", "Cloudflare refused the request.", { reached: false, cause: error });
}
