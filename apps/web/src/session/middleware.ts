/** Runs before every loader and action: whoever is signed in, with a token that is good for the whole request. */
import type { MiddlewareFunction } from "react-router";
import { appContext, sessionContext } from "../context.ts";
import { IssuerUnavailable } from "./oidc.ts";
import type { Session } from "./sessions.ts";

/** A token that ends during the request would fail halfway. */
const REFRESH_BEFORE_MS = 60_000;

export const sessionMiddleware: MiddlewareFunction<Response> = async ({ request, context }, next) => {
  const { sessions, oidc, log, address } = context.get(appContext);
  const found = await sessions.read(request);
  let session: Session | undefined = found;
  if (found !== undefined && found.expiresAt - Date.now() < REFRESH_BEFORE_MS) {
    try {
      session = await oidc.refresh(found, address);
    } catch (error) {
      if (!(error instanceof IssuerUnavailable)) throw error;
      // The token may do for this request; the next one tries again.
      log.warn({ err: error }, "Cannot refresh a session");
    }
  }
  context.set(sessionContext, session ?? null);
  const response = await next();
  // Signing in or out has the last word.
  const decided = response.headers.getSetCookie().some((cookie) => /^(?:__Host-)?whs_session=/.test(cookie));
  if (decided || session === found) return response;
  const cookies = session === undefined ? sessions.drop(request) : await sessions.keep(request, session);
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
};
