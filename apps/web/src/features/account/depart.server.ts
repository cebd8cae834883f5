import { data, redirectDocument } from "react-router";
import { type PageArgs, sessionOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import type { Problem } from "../../problem.ts";
import { IssuerUnavailable } from "../../session/oidc.ts";
import { ownPath } from "../../session/return-to.ts";

/** Sends the person to the issuer, to come back to the page they wanted. */
export async function depart(args: PageArgs, { create }: { create: boolean }): Promise<Response> {
  const { oidc, sessions, log } = args.context.get(appContext);
  const returnTo = ownPath(new URL(args.request.url).searchParams.get("return-to"), paths.agents());
  const session = sessionOf(args);
  // A link to the sign-in that was kept: whoever is signed in goes on. A session that the APIs refuse must be renewed.
  if (session !== null && create) return redirectDocument(returnTo);
  try {
    const { url, departure } = await oidc.depart({ returnTo, create });
    return redirectDocument(url, { headers: { "set-cookie": await sessions.keepDeparture(departure) } });
  } catch (error) {
    if (!(error instanceof IssuerUnavailable)) throw error;
    log.warn({ err: error }, "Cannot begin a sign-in");
    throw data(unavailable(error.message), { status: 503, headers: { "retry-after": "5" } });
  }
}

function unavailable(message: string): Problem {
  return { code: "UNAVAILABLE", message, traceId: null, retryable: true, fields: {}, details: {} };
}
