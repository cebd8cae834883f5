import { isRouteErrorResponse, useLocation, useRouteError, useRouteLoaderData } from "react-router";
import { paths } from "../paths.ts";
import { isProblem } from "../problem.ts";
import type { loader as rootLoader } from "../root.tsx";
import { ButtonLink } from "../ui/button.tsx";
import { Time } from "../ui/time.tsx";

interface Words {
  title: string;
  text: string;
}

/** The page in place of one that could not be shown: what happened, what to do, and the id to name when asking about it. */
export function PageProblem() {
  const error = useRouteError();
  const { pathname, search } = useLocation();
  const loaded = useRouteLoaderData<typeof rootLoader>("root");
  const status = isRouteErrorResponse(error) ? error.status : 500;
  const problem = isRouteErrorResponse(error) && isProblem(error.data) ? error.data : undefined;
  const { title, text } =
    problem?.code === "SIGN_IN_FAILED" ? { title: "Sign-in failed", text: problem.message } : wordsFor(status, problem?.message);
  const traceId = problem?.traceId ?? loaded?.traceId;
  return (
    <div>
      <title>{`${title} – WebHost Systems`}</title>
      <p className="text-sm font-medium text-muted">{status}</p>
      <h1 className="mt-1 text-2xl font-semibold tracking-tight">{title}</h1>
      <p className="mt-2 max-w-prose text-muted">{text}</p>
      {traceId !== undefined && traceId !== null && status !== 404 && (
        <p className="mt-4 text-sm">
          Trace <code className="font-mono">{traceId}</code>, <Time value={new Date().toISOString()} />
        </p>
      )}
      <div className="mt-6 flex flex-wrap gap-2">
        {problem?.code === "SIGN_IN_FAILED" ? (
          <ButtonLink look="primary" to={paths.signIn()} reloadDocument>
            Sign in again
          </ButtonLink>
        ) : (
          status !== 404 && (
            <ButtonLink look="primary" to={`${pathname}${search}`} reloadDocument>
              Try again
            </ButtonLink>
          )
        )}
        <ButtonLink to={paths.home()}>To the start page</ButtonLink>
      </div>
    </div>
  );
}

function wordsFor(status: number, message: string | undefined): Words {
  if (status === 404) return { title: "Not found", text: "There is nothing here, or nothing that you may see." };
  if (status === 403) return { title: "Not allowed", text: message ?? "This account may not do that." };
  if (status === 429) return { title: "Too many requests", text: "Wait a moment, then try again." };
  if (status === 503 || status === 502)
    return {
      title: "Not available at the moment",
      text: `${message ?? "A service does not answer."} Nothing was lost; try again in a moment.`,
    };
  if (status < 500) return { title: "Not possible", text: message ?? "This request cannot be answered." };
  return { title: "Something went wrong on our side", text: "The fault is recorded. Try again, or name the trace when you ask for help." };
}
