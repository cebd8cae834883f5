/** WHS says whom one of its API tokens stands for, so that one token serves both APIs. */
import { introspectionSchema, introspectToken } from "@whs/api";
import { AppError, unauthenticated } from "@whs/platform/errors";
import { signatureHeader } from "@whs/platform/signatures";

export interface TokenOwner {
  subject: string;
  email: string | null;
  name: string | null;
}

/** @throws AppError `UNAUTHENTICATED`, or `UNAUTHORIZED` when the token is for other things */
export type VerifyApiToken = (token: string) => Promise<TokenOwner>;

const source = "fleetprompt";
/** What a token must be good for. */
const scope = "installs:write";
const timeoutMs = 5_000;

export function createVerifyApiToken(options: { whsUrl: string | undefined; key: Buffer | undefined; now: () => Date }): VerifyApiToken {
  return async (token) => {
    const { whsUrl, key } = options;
    if (whsUrl === undefined || key === undefined) throw unauthenticated("Sign in, and send the identity service's token as bearer.");
    const url = new URL(introspectToken.path, whsUrl);
    const body = JSON.stringify({ token });
    const timestamp = String(options.now().getTime());
    const response = await ask(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-whs-delegation-source": source,
        "x-whs-delegation-timestamp": timestamp,
        "x-whs-delegation-signature": signatureHeader(key, { timestamp, source, method: "POST", path: url.pathname, body }),
      },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw unreachable(new Error(`WHS answered ${response.status} to a question about a token`));
    const { active, user, scopes } = introspectionSchema.parse(await response.json());
    if (!active || user === undefined) throw unauthenticated("The API token is not valid.");
    if (scopes?.includes(scope) !== true) throw new AppError("UNAUTHORIZED", `This token lacks the scope ${scope}.`);
    return { subject: user.externalId, email: user.email, name: user.name };
  };
}

async function ask(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    throw unreachable(cause);
  }
}

const unreachable = (cause: unknown) =>
  new AppError("UNAVAILABLE", "WHS cannot be asked about its API token; try again in a moment.", { cause });
