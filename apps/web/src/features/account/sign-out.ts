import { type ActionFunctionArgs, redirect, redirectDocument } from "react-router";
import { sessionOf } from "../../api.server.ts";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { IssuerUnavailable } from "../../session/oidc.ts";

/** A link changes nothing; the form in the user's menu does. */
export const loader = () => redirect(paths.home());

export async function action({ request, context }: ActionFunctionArgs): Promise<Response> {
  const { oidc, sessions, log } = context.get(appContext);
  const session = sessionOf({ context });
  try {
    if (session !== null) await oidc.revoke(session);
  } catch (error) {
    if (!(error instanceof IssuerUnavailable)) throw error;
    // This browser forgets the session in any case.
    log.warn({ err: error }, "Cannot end a session at the issuer");
  }
  const answer = redirectDocument(paths.home(), 303);
  for (const cookie of sessions.drop(request)) answer.headers.append("set-cookie", cookie);
  return answer;
}
