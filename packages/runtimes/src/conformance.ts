/**
 * What every driver guarantees, whatever runs behind it: the same tests against each, on the real thing.
 * Longer than a file usually is: one suite, read from top to bottom, is the provider's contract.
 */
import { agentManifestSchema, type AgentManifest } from "@whs/artifact";
import { type AgentCallOutcome, MAX_OPEN_CALLS } from "@whs/agent/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AgentCalls,
  type DeployInput,
  type InvokeInput,
  type InvokeOutput,
  ProviderError,
  type RuntimeProvider,
  type SecretRefs,
} from "./port.ts";

/** A telemetry event as it arrived at the control plane, its signature verified. */
export interface ReceivedEvent {
  eventId: string;
  userId: string;
  agentId: string;
  deploymentId: string;
  runtimeProvider: string;
  timestamp: string;
  requests: number;
  llmTokens: number;
  tokensEstimated: boolean;
  computeMs: number;
  toolCalls: number;
  errors: number;
  errorClass: string | null;
  costUsdEstimated: number;
  traceId: string;
}
export interface ReceivedLine {
  deploymentId: string;
  agentId: string;
  traceId?: string;
  level: string;
  message: string;
}

/** The driver under test with its surroundings: a secret store, and a control plane that receives what the runtime reports. */
export interface ConformanceTarget {
  provider: RuntimeProvider;
  /** Stores a value and returns its reference. */
  putSecret(value: string): Promise<string>;
  /** The first event with this id; rejects when none arrives in time. */
  event(eventId: string): Promise<ReceivedEvent>;
  /** The first log line that `matches`; rejects when none arrives in time. */
  line(matches: (line: ReceivedLine) => boolean): Promise<ReceivedLine>;
  /** What an invocation gets that may call other agents; `answer` is what the control plane does with a call. */
  agents(answer: AnswerCall): AgentCalls;
  /** Everything that was received, as text, to search for what must not be in it. */
  received(): string;
  telemetry: { rootKeyId: string; keyVersion: number };
  close(): Promise<void>;
}

/** `ended` aborts when nobody waits for the outcome any more. */
export type AnswerCall = (call: unknown, ended: AbortSignal) => Promise<AgentCallOutcome>;

/** Calls that reach a control plane over HTTP, at a peer that knows them by their token. */
export function callsOverHttp(
  { agentCalls }: { agentCalls: Map<string, (call: unknown, left: AbortSignal) => Promise<{ status: number; body: unknown }>> },
  answer: AnswerCall,
): AgentCalls {
  const token = unique("call");
  agentCalls.set(token, async (call, left) => {
    const outcome = await answer(call, left);
    return outcome.ok ? { status: 200, body: outcome.answer } : { status: 409, body: { error: outcome.error } };
  });
  return { token: () => token, carryOut: () => Promise.reject(new Error("This runtime asks the control plane itself.")) };
}

const ECHO = `export default { invoke({ messages }) { return "echo: " + messages.at(-1).content; } };`;
const COUNTER = `export default { async invoke({ session }) {
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return "turn " + n;
} };`;

let serial = 0;
/** Ids that no other test uses. */
function unique(prefix: string): string {
  serial += 1;
  return `${prefix}_${process.pid}x${Date.now().toString(36)}x${serial}`;
}

export function runtimeConformance(name: string, setup: () => Promise<ConformanceTarget>): void {
  describe(`runtime conformance: ${name}`, () => {
    let target: ConformanceTarget;
    beforeAll(async () => {
      target = await setup();
    });
    afterAll(async () => {
      await target.close();
    });

    /** One agent of a tenant of its own, with one deployment for each source. */
    async function agent(source: string, options: AgentOptions = {}): Promise<TestAgent> {
      const made = new TestAgent(target, options);
      await made.deploy(source, options);
      return made;
    }

    describe("deploy and invoke", () => {
      test("a deployed agent answers", async () => {
        const { output, usage } = await (await agent(ECHO)).invoke("hello");
        expect(output.text).toBe("echo: hello");
        expect(usage.computeMs).toBeGreaterThan(0);
      });

      test("messages, options, trace id and settings reach the agent", async () => {
        const echo = await agent(
          `export default { invoke({ messages, options, traceId, env }) { return JSON.stringify({ messages, options, traceId, env: Object.keys(env) }); } };`,
        );
        const messages = [
          { role: "system" as const, content: "be brief" },
          { role: "user" as const, content: "grüße 👋" },
        ];
        const { output } = await echo.call({
          messages,
          options: { maxSteps: 3, temperature: 0.5, toolPolicy: { deny: ["x"] } },
          traceId: "trc_conformance",
        });
        expect(JSON.parse(output.text)).toEqual({
          messages,
          options: { maxSteps: 3, temperature: 0.5, toolPolicy: { deny: ["x"] } },
          traceId: "trc_conformance",
          env: [],
        });
      });

      test("an answer's messages and figures come through", async () => {
        const full = await agent(
          `export default { invoke: () => ({ text: "done", usage: { tokens: 42, toolCalls: 3 }, messages: [{ role: "tool", content: "r" }, { role: "assistant", content: "done" }] }) };`,
        );
        const { output, usage } = await full.invoke("go");
        expect(output).toEqual({
          text: "done",
          messages: [
            { role: "tool", content: "r" },
            { role: "assistant", content: "done" },
          ],
        });
        expect(usage).toMatchObject({ tokens: 42, tokensEstimated: false, toolCalls: 3 });
      });

      test("tokens that the agent does not report are estimated from input and output", async () => {
        const { usage } = await (await agent(`export default { invoke: () => "12345678" };`)).invoke("1234");
        expect(usage).toMatchObject({ tokens: 3, tokensEstimated: true });
      });

      test("a bundle of several modules loads, text, JSON and bytes among them", async () => {
        const made = new TestAgent(target, {});
        await made.deployModules("main.js", {
          "main.js": {
            type: "esm",
            text: `import { shout } from "./lib/shout.js"; import text from "./greeting.txt"; import data from "./data.json"; import bytes from "./b.bin"; export default { invoke: () => shout(text) + data.n + new Uint8Array(bytes)[1] };`,
          },
          "lib/shout.js": { type: "esm", text: `export const shout = (text) => text.toUpperCase();` },
          "greeting.txt": { type: "text", text: "hi" },
          "data.json": { type: "json", text: `{ "n": 7 }` },
          "b.bin": { type: "data", base64: Buffer.from([1, 2, 3]).toString("base64") },
        });
        expect((await made.invoke("x")).output.text).toBe("HI72");
      });

      test("deploying the same deployment again changes nothing", async () => {
        const made = await agent(COUNTER, { sessionful: true });
        await made.invoke("x", { providerSessionId: "ses_again" });
        await made.redeploy();
        expect((await made.invoke("x", { providerSessionId: "ses_again" })).output.text).toBe("turn 2");
      });

      test("a module that cannot load is refused with its error and place", async () => {
        const refused = await failure(agent(`const fine = 1;\nthrow new TypeError("top level");\nexport default { invoke() {} };`));
        expect(refused).toMatchObject({ kind: "invalid", reached: false });
        expect(refused.message).toMatch(/top level/);
        expect(refused.message).toMatch(/agent\.js:2/);
      });

      test("an entrypoint that exports no agent is refused with what it should export", async () => {
        const refused = await failure(agent(`export default { run() {} };`));
        expect(refused.kind).toBe("invalid");
        expect(refused.message).toMatch(/invoke/);
      });

      test("an import that is not in the bundle is refused by name", async () => {
        const refused = await failure(agent(`import x from "./missing.js"; export default { invoke: () => x };`));
        expect(refused.kind).toBe("invalid");
        expect(refused.message).toMatch(/missing\.js/);
      });
    });

    describe("stream", () => {
      test("pieces arrive one after the other while the agent runs, and one result ends the stream", async () => {
        const slow = await agent(`export default { async *invoke() {
          for (const piece of ["a", "b", "c"]) { yield piece; await new Promise((resolve) => setTimeout(resolve, 50)); }
          yield { usage: { tokens: 9 } };
        } };`);
        const events = await slow.stream("go");
        expect(events.deltas.join("")).toBe("abc");
        expect(events.deltas.length).toBeGreaterThan(1);
        expect(events.result).toMatchObject({ output: { text: "abc" }, usage: { tokens: 9, tokensEstimated: false } });
      });

      test("an agent that answers at once still streams one delta", async () => {
        const events = await (await agent(ECHO)).stream("hello");
        expect(events.deltas).toEqual(["echo: hello"]);
      });

      test("a stream of text can be returned as it is", async () => {
        const piped = await agent(`export default { invoke() {
          return new ReadableStream({ start(c) { c.enqueue("one "); c.enqueue({ text: "two" }); c.close(); } });
        } };`);
        expect((await piped.stream("x")).result.output.text).toBe("one two");
        expect((await piped.invoke("x")).output.text).toBe("one two");
      });

      test("a piece, or a message, of any allowed size arrives whole", async () => {
        const large = await agent(`export default { async *invoke({ messages }) {
          const text = "x".repeat(Number(messages[0].content));
          yield text;
          yield { messages: [{ role: "assistant", content: text.slice(0, 3_000_000) }] };
        } };`);
        for (const size of [300_000, 5_000_000]) {
          const { deltas, result } = await large.stream(String(size));
          expect(deltas.join("").length).toBe(size);
          expect(result.output.messages?.[0]?.content.length).toBe(Math.min(size, 3_000_000));
        }
      });

      test("an error after some text ends the stream with that error", async () => {
        const broken = await agent(`export default { async *invoke() { yield "so far"; throw new Error("half way"); } };`);
        const deltas: string[] = [];
        const error = await failure(
          (async () => {
            for await (const event of target.provider.invokeStream(broken.input("x"))) if (event.type === "delta") deltas.push(event.text);
          })(),
        );
        expect(deltas.join("")).toBe("so far");
        expect(error).toMatchObject({ kind: "runtime", retryable: false, message: "half way" });
      });
    });

    describe("web-standard handlers", () => {
      test("a fetch handler gets POST /invoke with the invoke/v1 body, and JSON is its answer", async () => {
        const handler = await agent(`export default { async fetch(request, env, context) {
          const { pathname } = new URL(request.url);
          const body = await request.json();
          return Response.json({ output: { text: request.method + " " + pathname + " " + body.input.messages[0].content + " " + body.metadata.traceId + " " + context.traceId }, usage: { tokens: 5 } });
        } };`);
        const { output, usage } = await handler.call({ messages: [{ role: "user", content: "hi" }], traceId: "trc_handler01" });
        expect(output.text).toBe("POST /invoke hi trc_handler01 trc_handler01");
        expect(usage.tokens).toBe(5);
      });

      test("server-sent events of a handler stream", async () => {
        const handler = await agent(`export default { fetch() {
          const text = 'event: delta\\ndata: {"text":"a"}\\n\\nevent: delta\\ndata: {"text":"b"}\\n\\nevent: usage\\ndata: {"tokens":4}\\n\\nevent: done\\ndata: {}\\n\\n';
          return new Response(text, { headers: { "content-type": "text/event-stream" } });
        } };`);
        const { result } = await handler.stream("x");
        expect(result).toMatchObject({ output: { text: "ab" }, usage: { tokens: 4 } });
      });

      test("plain text is an answer, and an error status is an error", async () => {
        const handler = await agent(`export async function fetch(request) {
          const { input } = await request.json();
          return input.messages[0].content === "bad" ? new Response("no such thing", { status: 404 }) : new Response("plain");
        }`);
        expect((await handler.invoke("good")).output.text).toBe("plain");
        expect(await failure(handler.invoke("bad"))).toMatchObject({
          kind: "runtime",
          retryable: false,
          message: expect.stringMatching(/404.*no such thing/),
        });
      });
    });

    describe("sessions", () => {
      test("a session remembers over calls, streams and deployments, and apart from others", async () => {
        const made = await agent(COUNTER, { sessionful: true });
        expect((await made.invoke("x", { providerSessionId: "ses_a" })).output.text).toBe("turn 1");
        expect((await made.invoke("x", { providerSessionId: "ses_a" })).output.text).toBe("turn 2");
        expect((await made.stream("x", { providerSessionId: "ses_a" })).result.output.text).toBe("turn 3");
        expect((await made.invoke("x", { providerSessionId: "ses_b" })).output.text).toBe("turn 1");
        await made.deploy(COUNTER.replace('"turn "', '"new turn "'), { sessionful: true });
        expect((await made.invoke("x", { providerSessionId: "ses_a" })).output.text).toBe("new turn 4");
      });

      test("a session that stores nothing is reported as such", async () => {
        const made = await agent(
          `export default { async invoke({ session, messages }) { if (messages[0].content === "keep") await session.storage.put("k", 1); return String(await session.storage.get("k")); } };`,
          { sessionful: true },
        );
        expect(await made.invoke("look", { providerSessionId: "ses_none" })).toMatchObject({
          output: { text: "undefined" },
          sessionStored: false,
        });
        expect(await made.invoke("keep", { providerSessionId: "ses_none" })).toMatchObject({ output: { text: "1" }, sessionStored: true });
        expect(await made.invoke("look", { providerSessionId: "ses_none" })).toMatchObject({ output: { text: "1" }, sessionStored: true });
      });

      test("two first calls of one session do not lose each other's writes", async () => {
        const made = await agent(COUNTER, { sessionful: true });
        const answers = await Promise.all([1, 2, 3].map(() => made.invoke("x", { providerSessionId: "ses_race" })));
        expect(answers.map(({ output }) => output.text).toSorted()).toEqual(["turn 1", "turn 2", "turn 3"]);
      });

      test("lists, deletes, transactions and kept messages work on a new session as on an old one", async () => {
        const made = await agent(STORAGE_AGENT, { sessionful: true });
        const expected = {
          keys: ["b", "c"],
          reversed: ["c"],
          deleted: true,
          again: false,
          rolledBack: "none",
          history: ["user:one", "assistant:two"],
        };
        expect(JSON.parse((await made.invoke("x", { providerSessionId: "ses_ops" })).output.text)).toEqual(expected);
        expect(JSON.parse((await made.invoke("x", { providerSessionId: "ses_ops" })).output.text)).toEqual(expected);
      });

      test("a destroyed session has forgotten everything", async () => {
        const made = await agent(COUNTER, { sessionful: true });
        await made.invoke("x", { providerSessionId: "ses_gone" });
        await target.provider.destroySession({ ...made.ref(), providerSessionId: "ses_gone" });
        await target.provider.destroySession({ ...made.ref(), providerSessionId: "ses_gone" });
        expect((await made.invoke("x", { providerSessionId: "ses_gone" })).output.text).toBe("turn 1");
      });

      test("an agent without sessions is told so when it uses one", async () => {
        const made = await agent(COUNTER, { sessionful: false });
        expect((await failure(made.invoke("x"))).message).toMatch(/sessionful/);
      });
    });

    describe("telemetry", () => {
      test("each invocation is reported once, signed, with the figures that the caller saw", async () => {
        const made = await agent(ECHO);
        const input = made.input("hello", { traceId: "trc_telemetry1" });
        const { usage } = await target.provider.invoke(input);
        const event = await target.event(input.eventId);
        expect(event).toMatchObject({
          ...made.ref(),
          eventId: input.eventId,
          traceId: "trc_telemetry1",
          requests: 1,
          runtimeProvider: target.provider.name,
        });
        expect(event).toMatchObject({
          llmTokens: usage.tokens,
          tokensEstimated: true,
          computeMs: usage.computeMs,
          toolCalls: 0,
          errors: 0,
          errorClass: null,
        });
        expect(event.costUsdEstimated).toBe(
          target.provider.estimateCost({ requests: 1, tokens: usage.tokens, computeMs: usage.computeMs }),
        );
        expect(Math.abs(Date.now() - Date.parse(event.timestamp))).toBeLessThan(60_000);
      });

      test("a streamed invocation is reported like any other", async () => {
        const made = await agent(`export default { async *invoke() { yield "x"; yield { usage: { tokens: 11, toolCalls: 2 } }; } };`);
        const input = made.input("go");
        for await (const event of target.provider.invokeStream(input)) expect(["delta", "result"]).toContain(event.type);
        expect(await target.event(input.eventId)).toMatchObject({ llmTokens: 11, tokensEstimated: false, toolCalls: 2, errors: 0 });
      });

      test("a failed invocation is reported as an error", async () => {
        const made = await agent(`export default { invoke() { throw new Error("no"); } };`);
        const input = made.input("x");
        await failure(target.provider.invoke(input));
        expect(await target.event(input.eventId)).toMatchObject({ errors: 1, errorClass: "runtime" });
      });

      test("the cost rises with every figure and never has more than nine decimals", () => {
        const cost = (requests: number, tokens: number, computeMs: number) => target.provider.estimateCost({ requests, tokens, computeMs });
        expect(cost(2, 10, 1000)).toBeGreaterThanOrEqual(cost(1, 10, 1000));
        expect(cost(1, 10, 2_000_000)).toBeGreaterThan(cost(1, 10, 1000));
        expect(cost(3, 7, 12_345)).toBe(Number(cost(3, 7, 12_345).toFixed(9)));
      });
    });

    describe("logs", () => {
      test("what an agent writes arrives with its deployment, trace and level", async () => {
        const made = await agent(`export default { invoke() { console.warn("careful", { n: 1 }); return "ok"; } };`);
        await made.call({ messages: [{ role: "user", content: "x" }], traceId: "trc_logline01" });
        const line = await target.line(({ deploymentId }) => deploymentId === made.ref().deploymentId);
        expect(line).toMatchObject({ agentId: made.ref().agentId, traceId: "trc_logline01", level: "warn", message: 'careful {"n":1}' });
      });
    });

    describe("secrets", () => {
      test("an agent reads its own secrets, and a changed one without a new deployment where the runtime can", async () => {
        const made = new TestAgent(target, {});
        made.secrets = { revision: 1, refs: { API_KEY: await target.putSecret("first-secret-value") } };
        await made.deploy(`export default { invoke: ({ env }) => env.API_KEY ?? "none" };`);
        expect((await made.invoke("x")).output.text).toBe("first-secret-value");
        made.secrets = { revision: 2, refs: { API_KEY: await target.putSecret("second-secret-value") } };
        const { redeployRequired } = await target.provider.setSecrets({
          ...made.ref(),
          deploymentIds: [made.ref().deploymentId],
          secrets: made.secrets,
        });
        if (redeployRequired) await made.deploy(`export default { invoke: ({ env }) => env.API_KEY ?? "none" };`);
        expect((await made.invoke("x")).output.text).toBe("second-secret-value");
      });

      test("a secret that an agent writes to its log does not leave the runtime", async () => {
        const secret = `sentinel-${unique("s")}`;
        const made = new TestAgent(target, {});
        made.secrets = { revision: 1, refs: { TOKEN: await target.putSecret(secret) } };
        await made.deploy(
          `export default { invoke({ env }) { console.log("token is " + env.TOKEN + "."); console.log(JSON.stringify(env)); return "ok"; } };`,
        );
        await made.invoke("x");
        await target.line(({ deploymentId, message }) => deploymentId === made.ref().deploymentId && message.startsWith("token is"));
        await target.line(({ deploymentId, message }) => deploymentId === made.ref().deploymentId && message.startsWith("{"));
        expect(target.received()).not.toContain(secret);
      });

      test("another tenant's agent sees none of them", async () => {
        const made = new TestAgent(target, {});
        made.secrets = { revision: 1, refs: { API_KEY: await target.putSecret("private-to-one") } };
        await made.deploy(`export default { invoke({ env }) { globalThis.leak = env.API_KEY; return "ok"; } };`);
        await made.invoke("x");
        const other = await agent(`export default { invoke: ({ env }) => String(env.API_KEY) + String(globalThis.leak) };`);
        expect((await other.invoke("x")).output.text).toBe("undefinedundefined");
      });
    });

    describe("versions", () => {
      test("an older deployment serves beside a newer one, and after it again", async () => {
        const made = await agent(`export default { invoke: () => "v1" };`);
        const first = made.ref();
        await made.deploy(`export default { invoke: () => "v2" };`);
        const second = made.ref();
        await target.provider.activate(second);
        expect((await made.invoke("x")).output.text).toBe("v2");
        await target.provider.deactivate(second);
        await target.provider.activate(first);
        expect((await target.provider.invoke({ ...made.input("x"), ...first })).output.text).toBe("v1");
      });
    });

    describe("errors", () => {
      test("what the agent throws is shown by its message alone and is not worth a retry", async () => {
        const made = await agent(`export default { invoke() { throw new RangeError("too far"); } };`);
        const error = await failure(made.invoke("x"));
        expect(error).toMatchObject({ kind: "runtime", retryable: false, reached: true, message: "RangeError: too far" });
        expect(error.message).not.toMatch(/agent\.js|at /);
      });

      test("a long error message is cut", async () => {
        const made = await agent(`export default { invoke() { throw new Error("x".repeat(100000)); } };`);
        expect((await failure(made.invoke("x"))).message.length).toBeLessThanOrEqual(1000);
      });

      test("an answer that is none is the agent's error, and says what an answer is", async () => {
        expect(await failure((await agent(`export default { invoke() {} };`)).invoke("x"))).toMatchObject({
          kind: "runtime",
          message: expect.stringMatching(/undefined/),
        });
      });

      test("output beyond 8 MiB is refused, in one piece or in many", async () => {
        const made = await agent(
          `export default { async *invoke({ messages }) { if (messages[0].content === "one") yield "x".repeat(9 * 1024 * 1024); else while (true) yield "x".repeat(64 * 1024); } };`,
        );
        expect(await failure(made.invoke("one"))).toMatchObject({ kind: "runtime", retryable: false });
        expect(await failure(made.invoke("many"))).toMatchObject({ kind: "runtime", retryable: false });
        expect(await failure(made.stream("many"))).toMatchObject({ kind: "runtime", retryable: false });
      });

      test("an unknown deployment is not found, and was not reached", async () => {
        const made = await agent(ECHO);
        expect(await failure(target.provider.invoke({ ...made.input("x"), deploymentId: unique("dep") }))).toMatchObject({
          kind: "not_found",
          reached: false,
        });
      });

      test("an unknown tenant is not found, and was not reached", async () => {
        const made = await agent(ECHO);
        expect(await failure(target.provider.invoke({ ...made.input("x"), userId: unique("usr") }))).toMatchObject({
          kind: "not_found",
          reached: false,
        });
      });
    });

    describe("stopping", () => {
      const PATIENT = `export default { async *invoke({ signal }) {
        signal.addEventListener("abort", () => console.log("agent was told to stop"));
        yield "started";
        await new Promise((resolve) => setTimeout(resolve, 60000));
      } };`;

      test.each(["unary", "stream"] as const)("a cancelled %s invocation ends at once, and the agent is told", async (form) => {
        const made = await agent(PATIENT);
        const stop = new AbortController();
        const input = made.input("x", { signal: stop.signal });
        const running = form === "unary" ? target.provider.invoke(input) : collect(target.provider.invokeStream(input), () => stop.abort());
        if (form === "unary") setTimeout(() => stop.abort(), 300);
        expect(await failure(running)).toMatchObject({ kind: "runtime", message: expect.stringMatching(/cancelled/) });
        await target.line(({ deploymentId, message }) => deploymentId === made.ref().deploymentId && message === "agent was told to stop");
        expect(await target.event(input.eventId)).toMatchObject({ errors: 0 });
      });

      test("an invocation that takes too long ends with a timeout, and the agent is told", async () => {
        const made = await agent(PATIENT);
        const input = made.input("x", { timeoutMs: 500 });
        expect(await failure(target.provider.invoke(input))).toMatchObject({ kind: "timeout" });
        await target.line(({ deploymentId, message }) => deploymentId === made.ref().deploymentId && message === "agent was told to stop");
        expect(await target.event(input.eventId)).toMatchObject({ errors: 1 });
      });

      test("an invocation that was cancelled before it began never reaches the agent", async () => {
        const made = await agent(ECHO);
        expect(await failure(target.provider.invoke(made.input("x", { signal: AbortSignal.abort() })))).toMatchObject({ reached: false });
      });

      test("leaving a stream early tells the agent to stop", async () => {
        const made = await agent(PATIENT);
        for await (const event of target.provider.invokeStream(made.input("x"))) if (event.type === "delta") break;
        const line = await target.line(
          ({ deploymentId, message }) => deploymentId === made.ref().deploymentId && message === "agent was told to stop",
        );
        expect(line.agentId).toBe(made.ref().agentId);
      });
    });

    describe("agents that call agents", () => {
      const usage = { tokens: 1, tokensEstimated: true, computeMs: 1, toolCalls: 0 };
      const said = (text: string): AgentCallOutcome => ({ ok: true, answer: { output: { text }, usage, traceId: "trc_called" } });
      /** Whoever calls "helper" is answered when the call is ended; "other" answers once there is such a call. */
      const patient = () => {
        const begun = Promise.withResolvers<void>();
        const ended = Promise.withResolvers<void>();
        const agents = target.agents(async (call, signal) => {
          if ((call as { agent: string }).agent === "other") return begun.promise.then(() => said("the other call has begun"));
          const told = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
          begun.resolve();
          await told;
          ended.resolve();
          return said("too late");
        });
        return { agents, begun: begun.promise, ended: ended.promise };
      };

      test("a call bears what the agent asks and brings the whole answer, in a new session, a kept one and a stream", async () => {
        const made = await agent(
          `export default { async invoke({ agents, messages, session }) {
            await session.storage.put("k", 1);
            const options = { maxSteps: 2 };
            const [short, long] = await Promise.all([agents.invoke("helper", "hi"), agents.invoke("agt_1", { input: { messages }, sessionId: "ses_1", options })]);
            return JSON.stringify([short, long.output.text]);
          } };`,
          { sessionful: true },
        );
        const calls: unknown[] = [];
        const agents = target.agents(async (call) => {
          calls.push(call);
          return said("grüße 👋");
        });
        const more = { agents, providerSessionId: "ses_calls" };
        const answers = [await made.invoke("x", more), await made.invoke("x", more), (await made.stream("x", more)).result];
        const answer = { output: { text: "grüße 👋" }, usage, traceId: "trc_called" };
        for (const { output } of answers) expect(JSON.parse(output.text)).toEqual([answer, "grüße 👋"]);
        const messages = [{ role: "user", content: "x" }];
        expect(calls).toHaveLength(6);
        expect(calls).toContainEqual({ agent: "helper", request: { input: { prompt: "hi" } } });
        expect(calls).toContainEqual({ agent: "agt_1", request: { input: { messages }, sessionId: "ses_1", options: { maxSteps: 2 } } });
      });

      test("a web-standard handler calls by its context; what fails is thrown with its code; without leave nobody is called", async () => {
        const made = await agent(`export default { async fetch(_request, _env, { agents }) {
          const error = await agents.invoke("helper", "hi").catch((thrown) => thrown);
          return Response.json({ text: [error.name, error.code, error.retryable, error.message].join("|") });
        } };`);
        const error = { code: "LIMIT_EXCEEDED", message: "No requests are left.", retryable: false };
        const agents = target.agents(async () => ({ ok: false, error }));
        expect((await made.invoke("x", { agents })).output.text).toBe("AgentCallError|LIMIT_EXCEEDED|false|No requests are left.");
        expect((await made.invoke("x")).output.text).toMatch(/^AgentCallError\|UNAVAILABLE\|false\|/);
      });

      test("as many calls run at once as may, and the others follow", async () => {
        const made = await agent(`export default { async invoke({ agents }) {
          const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => agents.invoke("helper", String(n))));
          return answers.map(({ output }) => output.text).join();
        } };`);
        let open = 0;
        let most = 0;
        const full = Promise.withResolvers<void>();
        const agents = target.agents(async (call) => {
          open += 1;
          most = Math.max(most, open);
          if (open === MAX_OPEN_CALLS) full.resolve();
          await full.promise;
          open -= 1;
          return said((call as { request: { input: { prompt: string } } }).request.input.prompt);
        });
        expect((await made.invoke("x", { agents })).output.text).toBe(Array.from({ length: 20 }, (_, n) => n).join());
        expect(most).toBe(MAX_OPEN_CALLS);
      });

      test("a cancelled invocation ends its calls", async () => {
        const made = await agent(
          `export default { invoke: ({ agents }) => agents.invoke("helper", "hi").then(({ output }) => output.text) };`,
        );
        const { agents, begun, ended } = patient();
        const stop = new AbortController();
        const running = failure(made.invoke("x", { agents, signal: stop.signal }));
        await begun;
        stop.abort();
        expect(await running).toMatchObject({ kind: "runtime", message: expect.stringMatching(/cancelled/) });
        await ended;
      });

      test("a call that nobody waits for ends with its invocation", async () => {
        const made = await agent(`export default { async invoke({ agents }) {
          agents.invoke("helper", "hi").catch(() => {});
          return (await agents.invoke("other", "hi")).output.text;
        } };`);
        const { agents, ended } = patient();
        expect((await made.invoke("x", { agents })).output.text).toBe("the other call has begun");
        await ended;
      });
    });

    describe("destroy", () => {
      test("a destroyed deployment is not found, and its siblings serve on", async () => {
        const made = await agent(`export default { invoke: () => "v1" };`);
        const first = made.ref();
        await made.deploy(`export default { invoke: () => "v2" };`);
        await target.provider.destroy(first);
        await target.provider.destroy(first);
        expect(await failure(target.provider.invoke({ ...made.input("x"), ...first }))).toMatchObject({
          kind: "not_found",
          reached: false,
        });
        expect((await made.invoke("x")).output.text).toBe("v2");
      });

      test("a destroyed agent leaves no session behind", async () => {
        const made = await agent(COUNTER, { sessionful: true });
        await made.invoke("x", { providerSessionId: "ses_last" });
        await target.provider.destroy({ userId: made.ref().userId, agentId: made.ref().agentId });
        expect(await failure(made.invoke("x", { providerSessionId: "ses_last" }))).toMatchObject({ kind: "not_found" });
        await made.deploy(COUNTER, { sessionful: true });
        expect((await made.invoke("x", { providerSessionId: "ses_last" })).output.text).toBe("turn 1");
      });
    });

    test("health and description tell what runs", async () => {
      expect(await target.provider.healthcheck()).toMatchObject({ healthy: true });
      const description = await target.provider.describe();
      expect(description.driver).toBe(target.provider.driver);
      expect(description.isolation.length).toBeGreaterThan(0);
      expect(description.capabilities).toContain("streaming");
    });
  });
}

const STORAGE_AGENT = `export default { async invoke({ session }) {
  const { storage, messages } = session;
  for (const key of ["a", "b", "c"]) await storage.put(key, { key });
  const deleted = await storage.delete("a");
  const again = await storage.delete("a");
  await storage.transaction(async (transaction) => {
    await transaction.put("rolled", "back");
    throw new Error("undo");
  }).catch(() => {});
  await storage.transaction(async (transaction) => {
    await transaction.put("c", "from transaction");
    if ((await transaction.get("c")) !== "from transaction") throw new Error("a transaction must see its own writes");
  });
  await messages.clear();
  await messages.append({ role: "user", content: "one" }, { role: "assistant", content: "two" });
  return JSON.stringify({
    keys: [...(await storage.list()).keys()],
    reversed: [...(await storage.list({ prefix: "", start: "b", reverse: true, limit: 1 })).keys()],
    deleted,
    again,
    rolledBack: (await storage.get("rolled")) ?? "none",
    history: (await messages.list()).map(({ role, content }) => role + ":" + content),
  });
} };`;

interface AgentOptions {
  sessionful?: boolean;
  userId?: string;
  agentId?: string;
}

/** An agent of the suite: a tenant of its own unless told otherwise, and the deployment that was made last. */
export class TestAgent {
  readonly userId: string;
  readonly agentId: string;
  secrets: SecretRefs = { revision: 0, refs: {} };
  private readonly target: ConformanceTarget;
  private last: DeployInput | null = null;
  private version = 0;

  constructor(target: ConformanceTarget, options: AgentOptions) {
    this.target = target;
    this.userId = options.userId ?? unique("usr");
    this.agentId = options.agentId ?? unique("agt");
  }

  deploy(source: string, options: AgentOptions = {}): Promise<void> {
    return this.deployModules("agent.js", { "agent.js": { type: "esm", text: source } }, options);
  }

  async deployModules(
    mainModule: string,
    modules: DeployInput["bundle"]["modules"],
    { sessionful = false }: AgentOptions = {},
  ): Promise<void> {
    this.version += 1;
    const { userId, agentId, version, secrets } = this;
    const deploymentId = unique("dep");
    const entitlements = { agentcoreEnabled: true, codeInterpreterEnabled: true, browserEnabled: true };
    const input = {
      userId,
      agentId,
      deploymentId,
      version,
      manifest: manifest(this.target.provider.name, mainModule, sessionful),
      secrets,
      entitlements,
      telemetry: this.target.telemetry,
    };
    const bundle = { mainModule, modules, checksum: `sha256:${deploymentId}` };
    await this.target.provider.deploy({ ...input, bundle });
    this.last = { ...input, bundle };
  }

  async redeploy(): Promise<void> {
    if (this.last !== null) await this.target.provider.deploy(this.last);
  }

  ref(): { userId: string; agentId: string; deploymentId: string } {
    if (this.last === null) throw new Error("Nothing is deployed.");
    const { userId, agentId, deploymentId } = this.last;
    return { userId, agentId, deploymentId };
  }

  input(text: string, more: Partial<InvokeInput> = {}): InvokeInput {
    const messages = [{ role: "user" as const, content: text }];
    return {
      ...this.ref(),
      eventId: unique("evt"),
      traceId: unique("trc"),
      messages,
      options: {},
      signal: new AbortController().signal,
      timeoutMs: 20_000,
      ...more,
    };
  }

  invoke(text: string, more: Partial<InvokeInput> = {}): Promise<InvokeOutput> {
    return this.target.provider.invoke(this.input(text, more));
  }

  call(more: Partial<InvokeInput>): Promise<InvokeOutput> {
    return this.invoke("", more);
  }

  stream(text: string, more: Partial<InvokeInput> = {}): Promise<{ deltas: string[]; result: InvokeOutput }> {
    return collect(this.target.provider.invokeStream(this.input(text, more)));
  }
}

function manifest(runtime: AgentManifest["runtime"], entrypoint: string, sessionful: boolean): AgentManifest {
  return agentManifestSchema.parse({
    protocol: "invoke/v1",
    runtime,
    entrypoint,
    sessionful,
    capabilities: { streaming: true, tools: false },
  });
}

async function collect(
  events: ReturnType<RuntimeProvider["invokeStream"]>,
  onDelta?: () => void,
): Promise<{ deltas: string[]; result: InvokeOutput }> {
  const deltas: string[] = [];
  let result: InvokeOutput | null = null;
  for await (const event of events) {
    if (result !== null) throw new Error("Something came after the result.");
    if (event.type === "result") result = event.result;
    else {
      deltas.push(event.text);
      onDelta?.();
    }
  }
  if (result === null) throw new Error("The stream ended without a result.");
  return { deltas, result };
}

/** The ProviderError that a promise rejects with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<ProviderError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error("It was expected to fail.");
}
