import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { InspectAnswer, InvocationAnswer, WrapperLine } from "../protocol.ts";
import { startWrapper, type WrapperOptions, type WrapperProcess } from "../testing/wrapper-process.ts";
import { assembleWrapper } from "./assemble.ts";

/** For a busy machine; a wait by default is a second. */
const PATIENCE = { timeout: 60_000 };

const running: WrapperProcess[] = [];
afterEach(async () => {
  for (const wrapper of running.splice(0)) await wrapper.close();
});

async function wrap(source: string, options: WrapperOptions = {}): Promise<WrapperProcess> {
  const wrapper = await startWrapper({ "agent.js": source }, options);
  running.push(wrapper);
  return wrapper;
}
const plain = (prompt: string, more: object = {}) => ({ input: { prompt }, metadata: { traceId: "trc_wrapper1" }, ...more });
const ours = (eventId: string, more: object = {}) => ({
  ...plain("x"),
  whs: { kind: "invoke", eventId, timeoutMs: 60_000 },
  ...more,
});
const answered = async (response: Promise<Response>) => (await (await response).json()) as InvocationAnswer;

interface ServerEvent {
  event: string;
  data: Record<string, unknown>;
}
async function eventsOf(response: Response): Promise<ServerEvent[]> {
  const blocks = (await response.text()).split("\n\n").filter((block) => block.includes("event:"));
  return blocks.map((block) => ({
    event: /^event: (.*)$/m.exec(block)?.[1] ?? "",
    data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "null") as Record<string, unknown>,
  }));
}

const ECHO = `export default { invoke: ({ messages }) => "echo: " + messages.at(-1).content };`;
const COUNTER = `export default { async invoke({ session }) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return "turn " + n;
} };`;
const HANGING = `export default { async *invoke({ signal }) {
  signal.addEventListener("abort", () => console.log("told to stop"));
  yield "started";
  await new Promise(() => {});
} };`;

describe("invoke/v1 by itself", () => {
  test("a prompt is answered with output, usage and trace id", async () => {
    const wrapper = await wrap(ECHO);
    const response = await wrapper.post(plain("hello", { sessionId: "ses_1" }));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      output: { text: "echo: hello" },
      sessionId: "ses_1",
      usage: { tokens: 4, tokensEstimated: true, computeMs: expect.any(Number), toolCalls: 0 },
      traceId: "trc_wrapper1",
    });
  });

  test("events stream as they come, in invoke/v1's order, each with its number", async () => {
    const wrapper = await wrap(`export default { async *invoke() { yield "a"; yield { text: "b", usage: { tokens: 7 } }; } };`);
    const response = await wrapper.post(plain("x"), { accept: "text/event-stream" });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const events = await eventsOf(response);
    expect(events.map(({ event }) => event)).toEqual(["delta", "delta", "usage", "done"]);
    expect(events[2]?.data).toMatchObject({ tokens: 7, tokensEstimated: false });
  });

  test("a request that is none is refused with what is wrong", async () => {
    const wrapper = await wrap(ECHO);
    for (const [body, message] of [
      ["{", /not JSON/],
      [{ input: { prompt: "x", messages: [{ role: "user", content: "y" }] } }, /prompt and messages/],
      [{ input: {} }, /needs a prompt or messages/],
      [{ input: { messages: [{ content: "y" }] } }, /messages\.0\.role/],
      [{}, /input must be an object/],
    ] as const) {
      const response = await wrapper.post(body);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: "INVALID_REQUEST", message: expect.stringMatching(message) } });
    }
  });

  test("what the agent throws is an error of its own, without a stack", async () => {
    const wrapper = await wrap(`export default { invoke() { throw new RangeError("too far"); } };`);
    const response = await wrapper.post(plain("x"));
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: { code: "RUNTIME_ERROR", message: "RangeError: too far", retryable: false } });
  });
});

describe("ping", () => {
  test("is Healthy while idle, HealthyBusy while something runs, and tells since when in seconds", async () => {
    const wrapper = await wrap(HANGING);
    const ping = async () => (await (await fetch(`${wrapper.url}/ping`)).json()) as { status: string; time_of_last_update: number };
    expect((await ping()).status).toBe("Healthy");
    const call = answered(wrapper.post(ours("evt_busy")));
    await vi.waitFor(async () => expect((await ping()).status).toBe("HealthyBusy"), PATIENCE);
    expect(Math.abs((await ping()).time_of_last_update - Date.now() / 1000)).toBeLessThan(3600);
    await wrapper.post({ whs: { kind: "cancel", eventId: "evt_busy" } });
    await call;
    expect((await ping()).status).toBe("Healthy");
  });

  test("nothing else is there", async () => {
    const wrapper = await wrap(ECHO);
    expect((await fetch(`${wrapper.url}/`)).status).toBe(404);
    expect((await fetch(`${wrapper.url}/invocations`)).status).toBe(404);
  });
});

describe("for the adapter", () => {
  test("an answer bears figures and log lines, a failure its reason, both with status 200", async () => {
    const wrapper = await wrap(
      `export default { async invoke({ messages }) { console.warn("careful", { n: 1 }); if (messages[0].content === "bad") throw new Error("no"); return { text: "abc", usage: { tokens: 3, toolCalls: 2 } }; } };`,
    );
    expect(await answered(wrapper.post(ours("evt_1")))).toEqual({
      output: { text: "abc" },
      whs: {
        figures: { tokens: 3, toolCalls: 2, characters: 3, stored: false },
        lines: [{ at: expect.any(Number), level: "warn", message: 'careful {"n":1}', traced: true }],
      },
    });
    const failed = await answered(wrapper.post(ours("evt_2", { input: { prompt: "bad" } })));
    expect(failed).toMatchObject({ error: { message: "no", reason: "agent", retryable: false } });
  });

  test("a cancelled invocation ends, and what the agent wrote when it was told comes with it", async () => {
    const wrapper = await wrap(HANGING);
    const call = wrapper.post(ours("evt_stop"), { accept: "text/event-stream" });
    await vi.waitFor(async () => {
      const { whs } = (await (await wrapper.post({ whs: { kind: "cancel", eventId: "evt_stop" } })).json()) as {
        whs: { cancelled: boolean };
      };
      expect(whs.cancelled).toBe(true);
    }, PATIENCE);
    const events = await eventsOf(await call);
    const lines = events.filter(({ event }) => event === "lines").flatMap(({ data }) => data as unknown as WrapperLine[]);
    expect(lines.map(({ message }) => message)).toEqual(["told to stop"]);
    expect(events.at(-1)).toMatchObject({ event: "error", data: { reason: "cancelled", retryable: true } });
  });

  test("an invocation that was cancelled before it came does not run", async () => {
    const wrapper = await wrap(ECHO);
    await wrapper.post({ whs: { kind: "cancel", eventId: "evt_early" } });
    expect(await answered(wrapper.post(ours("evt_early")))).toMatchObject({ error: { reason: "cancelled" } });
    expect(await answered(wrapper.post(ours("evt_other")))).toMatchObject({ output: { text: "echo: x" } });
  });

  test("a caller that leaves tells the agent to stop", async () => {
    const wrapper = await wrap(HANGING);
    const left = new AbortController();
    const call = fetch(`${wrapper.url}/invocations`, { method: "POST", body: JSON.stringify(plain("x")), signal: left.signal });
    await vi.waitFor(async () => expect(await (await fetch(`${wrapper.url}/ping`)).text()).toMatch(/HealthyBusy/), PATIENCE);
    left.abort();
    await expect(call).rejects.toThrow(/abort/);
    await vi.waitFor(() => expect(wrapper.output.join("\n")).toMatch(/told to stop/), PATIENCE);
  });

  test("lines of invocations that run at once are told apart, also when a timer writes them", async () => {
    const wrapper = await wrap(`export default { async invoke({ messages }) {
      await new Promise((resolve) => setTimeout(() => { console.log(messages[0].content); resolve(); }, 20));
      return "ok";
    } };`);
    const answers = await Promise.all(
      ["one", "two", "three"].map((text) => answered(wrapper.post(ours(`evt_${text}`, { input: { prompt: text } })))),
    );
    expect(answers.map(({ whs }) => whs.lines.map(({ message }) => message))).toEqual([["one"], ["two"], ["three"]]);
  });

  test("more lines than are worth keeping are counted", async () => {
    const wrapper = await wrap(`export default { invoke() { for (let i = 0; i < 1500; i++) console.log(i); return "ok"; } };`);
    const { whs } = await answered(wrapper.post(ours("evt_many")));
    expect(whs.lines).toHaveLength(1001);
    expect(whs.lines.at(-1)?.message).toMatch(/500 lines were left out/);
  });

  test("a large piece arrives in parts, whole characters each", async () => {
    const wrapper = await wrap(`export default { invoke: () => "x" + "👋".repeat(1_000_000) };`);
    const events = await eventsOf(await wrapper.post(ours("evt_large"), { accept: "text/event-stream" }));
    const pieces = events.filter(({ event }) => event === "delta").map(({ data }) => String(data["text"]));
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.every((piece) => piece.isWellFormed() && piece.length <= 1024 * 1024)).toBe(true);
    expect(pieces.join("")).toBe("x" + "👋".repeat(1_000_000));
  });

  test("an inspection tells how the agent is written, or why it cannot be loaded", async () => {
    const inspect = async (source: string) =>
      (await (await (await wrap(source)).post({ whs: { kind: "inspect" } })).json()) as InspectAnswer;
    expect(await inspect(ECHO)).toEqual({ whs: { ok: true, form: "invoke", node: process.version } });
    expect(await inspect(`const a = 1;\nthrow new TypeError("top level");`)).toEqual({
      whs: { ok: false, message: "TypeError: top level (agent.js:2:7)" },
    });
    expect(await inspect(`export default {\n  invoke( { };`)).toMatchObject({
      whs: { ok: false, message: expect.stringMatching(/SyntaxError/) },
    });
    expect(await inspect(`import x from "./missing.js"; export default x;`)).toEqual({
      whs: { ok: false, message: 'agent.js imports "./missing.js", which is not in the bundle.' },
    });
    expect(await inspect(`import x from "../agent.json"; export default x;`)).toMatchObject({ whs: { ok: false } });
    expect(await inspect(`export default { run() {} };`)).toMatchObject({ whs: { ok: false, message: expect.stringMatching(/invoke/) } });
  });
});

describe("the agent's modules and variables", () => {
  test("text, JSON, bytes, WebAssembly and Node's own modules are there, as the bundle names them", async () => {
    const wasm = Buffer.from("0061736d0100000001050160000 17f030201000707010361646400000a06010400412a0b".replace(/\s/g, ""), "hex");
    const source = `import text from "./t.txt"; import data from "./deep/d.json"; import bytes from "./b.bin"; import module from "./m.wasm"; import { shout } from "./deep/shout.js"; import { EOL } from "node:os";
      export default { invoke: () => JSON.stringify([text, data.n, new Uint8Array(bytes)[1], new WebAssembly.Instance(module).exports.add(), shout("x"), EOL]) };`;
    const wrapper = await startWrapper(
      {
        "agent.js": source,
        "t.txt": "text",
        "deep/d.json": `{"n":7}`,
        "b.bin": Buffer.from([1, 2]),
        "m.wasm": wasm,
        "deep/shout.js": `export const shout = (text) => text.toUpperCase();`,
      },
      { types: { "t.txt": "text", "deep/d.json": "json", "b.bin": "data", "m.wasm": "wasm" } },
    );
    running.push(wrapper);
    const answer = await answered(wrapper.post(ours("evt_modules")));
    expect(JSON.parse("output" in answer ? answer.output.text : JSON.stringify(answer))).toEqual(["text", 7, 2, 42, "X", "\n"]);
  });

  test("an agent sees its own variables and no others in env, and its secrets in no line", async () => {
    const env = { API_KEY: 'a "secret" value' };
    const wrapper = await wrap(
      `export default { invoke({ env }) {
        console.log("key " + env.API_KEY, JSON.stringify(env), Buffer.from("x" + env.API_KEY).toString("base64"), encodeURIComponent(env.API_KEY));
        process.stdout.write("written: " + process.env.API_KEY + "\\n");
        return Object.keys(env).join() + (env.API_KEY === process.env.API_KEY);
      } };`,
      { env },
    );
    const answer = await answered(wrapper.post(ours("evt_env")));
    expect(answer).toMatchObject({ output: { text: "API_KEYtrue" } });
    const written = [...wrapper.output, ...answer.whs.lines.map(({ message }) => message)].join("\n");
    expect(written).toMatch(/key \[redacted\]/);
    expect(written).toMatch(/written: \[redacted\]/);
    for (const form of [env.API_KEY, JSON.stringify(env.API_KEY).slice(1, -1), encodeURIComponent(env.API_KEY), "EgInNlY3JldCIgdmFsd"])
      expect(written).not.toContain(form);
  });

  test("a promise that an agent forgot, or a timer that throws, does not end the container", async () => {
    const wrapper = await wrap(
      `export default { invoke() { void Promise.reject(new Error("forgotten")); setTimeout(() => { throw new Error("late"); }, 1); return "ok"; } };`,
    );
    await answered(wrapper.post(ours("evt_forgot")));
    await vi.waitFor(() => expect(wrapper.output.join("\n")).toMatch(/forgotten[\s\S]*late/), PATIENCE);
    expect(await answered(wrapper.post(ours("evt_after")))).toMatchObject({ output: { text: "ok" } });
  });
});

describe("sessions", () => {
  let mount: string;
  const turn = (wrapper: WrapperProcess, sessionId: string) => answered(wrapper.post(ours("evt_turn", { sessionId })));

  test("live as long as the container without a mounted folder, and apart from each other", async () => {
    const wrapper = await wrap(COUNTER);
    expect(await turn(wrapper, "ses_a")).toMatchObject({ output: { text: "turn 1" }, whs: { figures: { stored: true } } });
    expect(await turn(wrapper, "ses_a")).toMatchObject({ output: { text: "turn 2" } });
    expect(await turn(wrapper, "ses_b")).toMatchObject({ output: { text: "turn 1" } });
    await wrapper.post({ whs: { kind: "forget", sessionId: "ses_a" } });
    expect(await turn(wrapper, "ses_a")).toMatchObject({ output: { text: "turn 1" } });
  });

  test("that should go on but are not in this container have expired", async () => {
    const wrapper = await wrap(COUNTER);
    const goOn = () =>
      answered(
        wrapper.post(
          ours("evt_on", { sessionId: "ses_on", whs: { kind: "invoke", eventId: "evt_on", timeoutMs: 60_000, continues: true } }),
        ),
      );
    expect(await goOn()).toMatchObject({ error: { message: "Session expired.", reason: "session", retryable: false } });
    expect(await turn(wrapper, "ses_on")).toMatchObject({ output: { text: "turn 1" } });
    expect(await goOn()).toMatchObject({ output: { text: "turn 2" } });
  });

  test("outlive the container in a mounted folder, are shared by two, and leave nothing when they hold nothing", async () => {
    mount = await mkdtemp(path.join(tmpdir(), "whs-mount-"));
    const first = await wrap(COUNTER, { mount });
    await turn(first, "ses_a");
    const second = await wrap(COUNTER, { mount });
    expect(await turn(second, "ses_a")).toMatchObject({ output: { text: "turn 2" } });
    expect(await turn(first, "ses_a")).toMatchObject({ output: { text: "turn 3" } });
    expect(await first.stop()).toBe(0);
    expect(await turn(second, "ses_a")).toMatchObject({ output: { text: "turn 4" } });
    const emptying = await wrap(
      `export default { async invoke({ session }) { await session.storage.get("n"); await session.storage.delete("n"); return "gone"; } };`,
      { mount },
    );
    expect(await turn(emptying, "ses_a")).toMatchObject({ whs: { figures: { stored: false } } });
    await turn(emptying, "ses_never");
    expect(await readdir(mount)).toEqual([]);
    await rm(mount, { recursive: true });
  });

  test("an agent without sessions is told so", async () => {
    const wrapper = await wrap(COUNTER, { sessionful: false });
    expect(await turn(wrapper, "ses_a")).toMatchObject({ error: { message: expect.stringMatching(/sessionful/) } });
  });
});

test("SIGTERM lets an invocation end, tells one that would not, and exits with 0", async () => {
  const wrapper = await wrap(
    `export default { async invoke({ messages, signal }) {
    console.log("begun", messages[0].content);
    if (messages[0].content === "short") { await new Promise((resolve) => setTimeout(resolve, 300)); return "done"; }
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
  } };`,
    { drainMs: 3_000 },
  );
  const short = answered(wrapper.post(ours("evt_short", { input: { prompt: "short" } })));
  const long = answered(wrapper.post(ours("evt_long", { input: { prompt: "long" } })));
  await vi.waitFor(() => {
    for (const text of ["begun short", "begun long"]) expect(wrapper.output.join("\n")).toContain(text);
  }, PATIENCE);
  const code = wrapper.stop();
  expect(await short).toMatchObject({ output: { text: "done" } });
  expect(await long).toMatchObject({ error: { reason: expect.stringMatching(/cancelled|agent/) } });
  expect(await code).toBe(0);
});

test("the wrapper's text is the same every time and imports nothing but Node's own modules", async () => {
  const text = await assembleWrapper();
  expect(await assembleWrapper()).toBe(text);
  const imports = [...text.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name);
  expect(imports.length).toBeGreaterThan(3);
  expect(imports.filter((name) => name?.startsWith("node:") !== true)).toEqual([]);
});

describe("tools", () => {
  const wanting = (eventId: string, more: object = {}) =>
    ours(eventId, { whs: { kind: "invoke", eventId, timeoutMs: 60_000, tools: ["codeInterpreter"], ...more } });
  const stream = { accept: "text/event-stream" };
  const settle = (wrapper: WrapperProcess, eventId: string, id: number, outcome: object) =>
    answered(wrapper.post({ whs: { kind: "tool", eventId, id, outcome } }));

  test("an order goes out as an event, and its outcome comes back by another request, once", async () => {
    const wrapper = await wrap(`export default { async *invoke({ tools }) {
      const results = await Promise.allSettled([1, 2].map((n) => tools.codeInterpreter.run({ language: "python", code: "c" + n })));
      yield JSON.stringify(results.map(({ value, reason }) => value ?? reason.name + ": " + reason.message));
    } };`);
    const answering = wrapper.post(wanting("evt_tools"), stream).then(eventsOf);
    await vi.waitFor(
      async () => expect(await settle(wrapper, "evt_tools", 2, { ok: false, message: "no" })).toEqual({ whs: { taken: true } }),
      PATIENCE,
    );
    expect(await settle(wrapper, "evt_tools", 2, { ok: true, value: "again" })).toEqual({ whs: { taken: false } });
    expect(await settle(wrapper, "evt_other", 1, { ok: true, value: 1 })).toEqual({ whs: { taken: false } });
    await settle(wrapper, "evt_tools", 1, { ok: true, value: "yes" });
    const events = await answering;
    expect(events.map(({ event }) => event)).toEqual(["tool", "tool", "delta", "done"]);
    expect(events[0]?.data).toEqual({ id: 1, order: { kind: "run", language: "python", code: "c1", timeoutSeconds: 60 } });
    expect(events[2]?.data).toEqual({ text: JSON.stringify(["yes", "ToolError: no"]) });
  });

  test("an agent that is told to stop waits for none, too many at once are refused, and without a way for them there are none", async () => {
    const wrapper = await wrap(`export default { async invoke({ tools, messages }) {
      if (tools.codeInterpreter === undefined) return "none";
      const all = Array.from({ length: 65 }, () => tools.codeInterpreter.readFiles(["x"]).catch((error) => error.message));
      console.log(await all[64]);
      return (await Promise.all(all))[0];
    } };`);
    const answering = wrapper.post(wanting("evt_stopped"), stream).then(eventsOf);
    await vi.waitFor(
      async () => expect(await settle(wrapper, "evt_stopped", 64, { ok: true, value: [] })).toEqual({ whs: { taken: true } }),
      PATIENCE,
    );
    await wrapper.post({ whs: { kind: "cancel", eventId: "evt_stopped" } });
    const events = await answering;
    expect(events.filter(({ event }) => event === "tool")).toHaveLength(64);
    expect(JSON.stringify(events)).toContain("At most 64 tool calls");
    expect(events.find(({ event }) => event === "delta")?.data).toEqual({ text: "The invocation was cancelled." });
    expect(await answered(wrapper.post(wanting("evt_unary")))).toMatchObject({ output: { text: "none" } });
    expect(await answered(wrapper.post(ours("evt_without")))).toMatchObject({ output: { text: "none" } });
  });
});
