/** How a runtime's trusted side brings a call of one agent by another to the control plane. No dependencies: Workers use it too. */
import type { AgentCallOutcome } from "@whs/agent/runtime";

/** `POST` with `{ agent, request }` in JSON and the invocation's token: answers as `/v1/invoke/{agentId}` does. */
export const AGENT_CALLS_PATH = "/v1/internal/agent-calls";
export const CALL_TOKEN_HEADER = "x-whs-call-token";

/** What the control plane's answer comes to. */
export function readOutcome(text: string): AgentCallOutcome {
  const body = parsed(text);
  if ("output" in body) return { ok: true, answer: body as unknown as Extract<AgentCallOutcome, { ok: true }>["answer"] };
  const { code, message, retryable } = (body["error"] ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code !== "string" || typeof message !== "string") return unreachable;
  return { ok: false, error: { code, message, retryable: retryable === true } };
}

export function refusedCall(code: string, message: string, retryable: boolean): AgentCallOutcome {
  return { ok: false, error: { code, message, retryable } };
}

/** Nobody knows whether the called agent has run. */
export const unreachable = refusedCall("UNAVAILABLE", "The called agent cannot be reached now.", true);

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
