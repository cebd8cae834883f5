import type { Endpoint } from "@whs/api";
import type { HandlerInput } from "@whs/platform/http";
import type { AgentRun, SessionChoice } from "../agent-run.ts";

type Http = HandlerInput<Endpoint>["http"];

/** OpenAI has no place for a session in a chat, so a header names it, both ways. */
const sessionHeader = "x-whs-session-id";

export function chosenSession(http: Http): SessionChoice | undefined {
  const id = http.request.headers[sessionHeader];
  return typeof id === "string" ? { id } : undefined;
}

export function tellRun({ sessionId }: AgentRun, http: Http): void {
  http.setHeader("x-request-id", http.request.traceId);
  if (sessionId !== undefined) http.setHeader(sessionHeader, sessionId);
}
