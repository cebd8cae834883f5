import type { AgentAnswer, AgentCallError, AgentRequest, Agents } from "./types.ts";

/** What came of one call of another agent. */
export type AgentCallOutcome =
  | { ok: true; answer: AgentAnswer }
  | { ok: false; error: { code: string; message: string; retryable: boolean } };

/** Brings one call to the platform, which checks all of it. `ended` aborts when nobody waits for its outcome any more. */
export type SendAgentCall = (call: { agent: string; request: AgentRequest }, ended: AbortSignal) => Promise<AgentCallOutcome>;

/** Calls of one invocation that are under way at once. */
export const MAX_OPEN_CALLS = 8;

class CallFailed extends Error implements AgentCallError {
  override readonly name = "AgentCallError";
  readonly code: string;
  readonly retryable: boolean;
  constructor({ code, message, retryable }: { code: string; message: string; retryable: boolean }) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** @returns what an agent is given, and what ends it with its invocation. */
export function createAgents(send: SendAgentCall | undefined, signal: AbortSignal): { agents: Agents; end: () => void } {
  let ending: AbortController | null = null;
  let isOver = false;
  let open = 0;
  const waiting: (() => void)[] = [];

  const carryOut = async (call: { agent: string; request: AgentRequest }): Promise<AgentAnswer> => {
    if (send === undefined) throw new CallFailed({ code: "UNAVAILABLE", message: "There are no agents to call here.", retryable: false });
    if (signal.aborted) throw signal.reason as Error;
    if (isOver) throw hasEnded();
    ending ??= endingWith(signal);
    const outcome = await unlessEnded(send(call, ending.signal), ending.signal);
    if (outcome.ok) return outcome.answer;
    throw new CallFailed(outcome.error);
  };
  return {
    agents: {
      async invoke(agent, request) {
        while (open >= MAX_OPEN_CALLS) await new Promise<void>((resolve) => waiting.push(resolve));
        open += 1;
        try {
          return await carryOut({ agent, request: typeof request === "string" ? { input: { prompt: request } } : request });
        } finally {
          open -= 1;
          waiting.shift()?.();
        }
      },
    },
    end() {
      isOver = true;
      ending?.abort(hasEnded());
    },
  };
}

function endingWith(signal: AbortSignal): AbortController {
  const ending = new AbortController();
  signal.addEventListener("abort", () => ending.abort(signal.reason), { once: true });
  return ending;
}

async function unlessEnded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onEnd = () => reject(signal.reason);
  signal.addEventListener("abort", onEnd, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onEnd);
  }
}

function hasEnded(): Error {
  return new CallFailed({ code: "RUNTIME_ERROR", message: "The invocation has ended: it calls no more agents.", retryable: false });
}
