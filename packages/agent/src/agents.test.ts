import { describe, expect, test } from "vitest";
import { createAgents, MAX_OPEN_CALLS, type SendAgentCall } from "./agents.ts";

const never: SendAgentCall = () => new Promise(() => undefined);
const going = () => new AbortController();

describe("calls of other agents", () => {
  test("end with the invocation: those on their way, those in line, and those of an agent that kept its leave", async () => {
    const ended: AbortSignal[] = [];
    const { agents, end } = createAgents((call, signal) => {
      ended.push(signal);
      return never(call, signal);
    }, going().signal);
    const calls = Promise.allSettled(Array.from({ length: MAX_OPEN_CALLS + 3 }, () => agents.invoke("a", "x")));
    await Promise.resolve();
    expect(ended).toHaveLength(MAX_OPEN_CALLS);
    end();
    const over = { name: "AgentCallError", code: "RUNTIME_ERROR", retryable: false };
    for (const call of await calls) expect(call).toMatchObject({ status: "rejected", reason: over });
    await expect(agents.invoke("a", "x")).rejects.toMatchObject(over);
    expect(ended).toHaveLength(MAX_OPEN_CALLS);
    expect(ended.every(({ aborted }) => aborted)).toBe(true);
  });

  test("are ended by the invocation's own signal, for its own reason", async () => {
    const stop = going();
    const { agents } = createAgents(never, stop.signal);
    const call = agents.invoke("a", "x");
    const reason = new Error("the caller left");
    stop.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(agents.invoke("a", "x")).rejects.toBe(reason);
  });
});
