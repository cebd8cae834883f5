import { data, type LoaderFunctionArgs, redirectDocument } from "react-router";
import { appContext } from "../../context.ts";
import type { Problem } from "../../problem.ts";
import { IssuerUnavailable, SignInFailed } from "../../session/oidc.ts";

/** Where the issuer sends the person back to. */
export async function loader({ request, context }: LoaderFunctionArgs): Promise<Response> {
  const { oidc, sessions, log, config, address } = context.get(appContext);
  const { search, searchParams } = new URL(request.url);
  const state = searchParams.get("state") ?? "";
  const departure = await sessions.readDeparture(request, state);
  if (departure === undefined) throw data(failed("This sign-in was not begun here, or took too long."), { status: 400 });
  try {
    const session = await oidc.arrive(new URL(`/auth/callback${search}`, config.origin), departure, address);
    const answer = redirectDocument(departure.returnTo);
    for (const cookie of [...(await sessions.keep(request, session)), sessions.dropDeparture(state)])
      answer.headers.append("set-cookie", cookie);
    return answer;
  } catch (error) {
    if (!(error instanceof SignInFailed || error instanceof IssuerUnavailable)) throw error;
    log.warn({ err: error }, "A sign-in failed");
    throw data(failed(error.message), { status: error instanceof IssuerUnavailable ? 503 : 400 });
  }
}

function failed(message: string): Problem {
  return { code: "SIGN_IN_FAILED", message, traceId: null, retryable: true, fields: {}, details: {} };
}

/** Shown never: the loader leads on, or throws what the error page says. */
export default function Nothing() {
  return null;
}
