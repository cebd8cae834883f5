/** What was said to an agent in the playground, and what it answers. */
import { useCallback, useEffect, useReducer, useRef } from "react";
import type { Problem } from "../../../problem.ts";
import { followInvocation, type InvocationEvent, type InvocationMeta, type InvocationUsage } from "./invocation-events.ts";

export interface Exchange {
  key: number;
  prompt: string;
  /** The session that it was sent to; null for none, or a new one. */
  sentTo: string | null;
  text: string;
  state: "answering" | "resuming" | "done" | "cancelled" | "failed";
  meta: InvocationMeta | null;
  usage: InvocationUsage | null;
  problem: Problem | null;
}

type Change =
  | { kind: "asked"; key: number; prompt: string; sentTo: string | null }
  | { kind: "received"; key: number; received: InvocationEvent }
  | { kind: "cancelled"; key: number };

/** One at a time; the last answer's session is the caller's to send along. */
export function useConversation(agentId: string) {
  const [exchanges, change] = useReducer(apply, []);
  const running = useRef<AbortController>(undefined);
  const lastKey = useRef(0);
  // Whoever leaves the page does not wait for the answer.
  useEffect(() => () => running.current?.abort(), [agentId]);

  const ask = useCallback(
    async (prompt: string, sessionId: string | null): Promise<void> => {
      const controller = new AbortController();
      running.current = controller;
      const key = (lastKey.current += 1);
      change({ kind: "asked", key, prompt, sentTo: sessionId });
      try {
        for await (const received of followInvocation({ agentId, prompt, sessionId, signal: controller.signal }))
          change({ kind: "received", key, received });
      } catch (error) {
        if (!controller.signal.aborted) throw error;
        change({ kind: "cancelled", key });
      }
    },
    [agentId],
  );
  const cancel = useCallback(() => running.current?.abort(), []);
  return { exchanges, ask, cancel };
}

function apply(exchanges: readonly Exchange[], change: Change): readonly Exchange[] {
  if (change.kind === "asked") {
    const { key, prompt, sentTo } = change;
    return [...exchanges, { key, prompt, sentTo, text: "", state: "answering", meta: null, usage: null, problem: null }];
  }
  return exchanges.map((exchange) => {
    if (exchange.key !== change.key) return exchange;
    return change.kind === "cancelled" ? { ...exchange, state: "cancelled" } : receive(exchange, change.received);
  });
}

function receive(exchange: Exchange, received: InvocationEvent): Exchange {
  switch (received.event) {
    case "meta":
      return { ...exchange, meta: received.data };
    case "delta":
      return { ...exchange, state: "answering", text: exchange.text + received.data.text };
    case "usage":
      return { ...exchange, usage: received.data };
    case "done":
      return { ...exchange, state: "done" };
    case "lost":
      return { ...exchange, state: "resuming" };
    case "problem":
      return { ...exchange, state: "failed", problem: received.data };
  }
}
