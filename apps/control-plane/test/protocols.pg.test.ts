// Longer than a file usually is: all protocols on one set of agents and cells, which are slow to start.
import { type AgentStateMutation, type AgentSubscriber, type BaseEvent, EventType, HttpAgent } from "@ag-ui/client";
import { createOpenAI } from "@ai-sdk/openai";
import { protocolEndpoints } from "@whs/api";
import { generateText, streamText } from "ai";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ProtocolBed, startProtocolBed } from "./protocol-bed.ts";
import { describeA2a } from "./protocols/a2a.ts";
import { describeDiscovery } from "./protocols/discovery.ts";
import { describeMcp } from "./protocols/mcp.ts";

let bed: ProtocolBed;
beforeAll(async () => {
  bed = await startProtocolBed();
}, 180_000);
afterAll(() => bed?.close());

const clientOf = (apiKey: string, options: { maxRetries?: number } = {}) =>
  new OpenAI({ apiKey, baseURL: `${bed.plane.url}/v1`, ...options });
const client = () => clientOf(bed.owner.key);
const say = (content: string) => [{ role: "user" as const, content }];

async function failureOf(work: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(work).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(APIError);
  return error as APIError;
}

describe("chat completions by the openai package", () => {
  it("answer with the agent's text and what was metered", async () => {
    const completion = await client().chat.completions.create({
      model: "echo",
      messages: [
        { role: "developer", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "Hel" },
            { type: "text", text: "lo" },
          ],
        },
      ],
      temperature: 0.5,
      seed: 1,
      user: "somebody",
    });
    expect(completion).toMatchObject({
      object: "chat.completion",
      model: "echo",
      choices: [
        {
          index: 0,
          finish_reason: "stop",
          logprobs: null,
          message: { role: "assistant", content: "echo: system Be brief. | user Hello", refusal: null },
        },
      ],
    });
    expect(completion.created).toBeGreaterThan(1.7e9);
    const { prompt_tokens, completion_tokens, total_tokens } = completion.usage ?? {};
    expect(prompt_tokens! + completion_tokens!).toBe(total_tokens);
    expect(completion_tokens).toBeGreaterThan(0);
  });

  it("stream deltas, and usage last where it is asked for", async () => {
    const stream = await client().chat.completions.create({
      model: bed.counterId,
      messages: say("one two"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe("turn 1: one two ");
    expect(chunks.length).toBeGreaterThan(4);
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: "stop" });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 8, completion_tokens: 4, total_tokens: 12 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it("end at a stop text and at max_completion_tokens, in one piece and as a stream", async () => {
    const cut = async (options: { stop?: string[]; max_completion_tokens?: number }) => {
      const whole = await client().chat.completions.create({ model: "counter", messages: say("one two three"), ...options });
      const stream = client().chat.completions.stream({ model: "counter", messages: say("one two three"), ...options });
      const pieces: string[] = [];
      for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
      const last = (await stream.finalChatCompletion()).choices[0];
      expect(pieces.join("")).toBe(whole.choices[0]?.message.content);
      expect(last?.finish_reason).toBe(whole.choices[0]?.finish_reason);
      return [pieces.join(""), last?.finish_reason];
    };
    expect(await cut({ stop: ["never", "wo th"] })).toEqual(["turn 1: one t", "stop"]);
    expect(await cut({ max_completion_tokens: 3 })).toEqual(["turn 1: one ", "length"]);
    expect(await cut({ stop: ["!"], max_completion_tokens: 1000 })).toEqual(["turn 1: one two three ", "stop"]);
  });

  it("start a session each, unless a header goes on with one", async () => {
    const ask = (headers: Record<string, string> = {}) =>
      client()
        .chat.completions.create({ model: "counter", messages: say("x") }, { headers })
        .withResponse();
    const first = await ask();
    const sessionId = first.response.headers.get("x-whs-session-id") ?? "";
    expect(sessionId).toMatch(/^ses_/);
    const second = await ask({ "x-whs-session-id": sessionId });
    expect(second.data.choices[0]?.message.content).toBe("turn 2: x ");
    expect(second.response.headers.get("x-whs-session-id")).toBe(sessionId);
    expect((await ask()).data.choices[0]?.message.content).toBe("turn 1: x ");
    const expired = await failureOf(ask({ "x-whs-session-id": "ses_00000000000000000000000000" }));
    expect(expired).toMatchObject({ status: 502, code: "server_error", message: expect.stringContaining("Session expired.") });
    expect(expired.headers?.get("x-should-retry")).toBe("false");
  });

  it("are found by their trace id, which is OpenAI's request id", async () => {
    const { data, request_id } = await client()
      .chat.completions.create({ model: "echo", messages: say("x") })
      .withResponse();
    expect(request_id).toMatch(/^trc_/);
    expect(await bed.recorded(request_id ?? "")).toEqual([{ agent_id: bed.echoId, status_code: 200, error_code: null }]);
    const trace = await bed.owner.request<{ items: { invocation: { id: string } }[] }>("GET", `/v1/traces/${request_id}`);
    expect(trace.body.items.map(({ invocation }) => `chatcmpl-${invocation.id}`)).toEqual([data.id]);
  });

  it("stop the agent when the client goes away, and say so in the record", async () => {
    const leaving = new AbortController();
    const { data: stream, request_id } = await client()
      .chat.completions.create({ model: "counter", messages: say("wait"), stream: true }, { signal: leaving.signal })
      .withResponse();
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === ". ") leaving.abort();
    expect(await bed.recorded(request_id ?? "")).toEqual([{ agent_id: bed.counterId, status_code: 502, error_code: "RUNTIME_ERROR" }]);
  });

  it("say in the stream that the agent failed, or with a status when nothing has been sent", async () => {
    const request = { model: "counter", messages: say("fail") };
    const whole = await failureOf(clientOf(bed.owner.key, { maxRetries: 0 }).chat.completions.create(request));
    expect(whole).toMatchObject({ status: 502, code: "server_error", type: "server_error" });
    expect(whole.message).toContain("The counter is broken");
    const stream = await client().chat.completions.create({ ...request, stream: true });
    let text = "";
    const broken = await failureOf(
      (async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      })(),
    );
    expect(text).toBe("turn 1: ");
    expect(broken).toMatchObject({ code: "server_error", message: expect.stringContaining("The counter is broken") });
  });
});

describe("responses by the openai package", () => {
  it("answer with the agent's text, and go on with the session of the previous one", async () => {
    const first = await client().responses.create({ model: "counter", instructions: "Be brief.", input: "one", metadata: { a: "b" } });
    expect(first).toMatchObject({
      object: "response",
      model: "counter",
      status: "completed",
      error: null,
      output_text: "turn 1: one ",
      output: [{ type: "message", role: "assistant", status: "completed", content: [{ type: "output_text", annotations: [] }] }],
      usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 },
      instructions: "Be brief.",
      metadata: { a: "b" },
      store: false,
    });
    const second = await client().responses.create({ model: bed.counterId, input: "two", previous_response_id: first.id });
    expect(second.output_text).toBe("turn 2: two ");
    expect(second.previous_response_id).toBe(first.id);
    expect(second.id).not.toBe(first.id);
    const echoed = await client().responses.create({
      model: "echo",
      instructions: "Be brief.",
      input: [
        { role: "user", content: [{ type: "input_text", text: "a" }] },
        { role: "assistant", content: "b" },
        { role: "user", content: "c" },
      ],
    });
    expect(echoed.output_text).toBe("echo: system Be brief. | user a | assistant b | user c");
  });

  it("stream their events in OpenAI's order, and end early at max_output_tokens", async () => {
    const types = async (options: { max_output_tokens?: number }) => {
      const stream = client().responses.stream({ model: "counter", input: "one two three", ...options });
      const events: OpenAI.Responses.ResponseStreamEvent[] = [];
      for await (const event of stream) events.push(event);
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
      const final = await stream.finalResponse();
      const deltas = events.flatMap((event) => (event.type === "response.output_text.delta" ? [event.delta] : []));
      expect(deltas.join("")).toBe(final.output_text);
      return { types: [...new Set(events.map(({ type }) => type))], final };
    };
    const order = [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
    ];
    const whole = await types({});
    expect(whole.types).toEqual([...order, "response.completed"]);
    expect(whole.final).toMatchObject({ status: "completed", output_text: "turn 1: one two three ", usage: { total_tokens: 12 } });
    const cut = await types({ max_output_tokens: 3 });
    expect(cut.types).toEqual([...order, "response.incomplete"]);
    expect(cut.final).toMatchObject({ output_text: "turn 1: one ", incomplete_details: { reason: "max_output_tokens" } });
  });

  it("say that the agent failed as the last event, and stop it when the client goes away", async () => {
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of await client().responses.create({ model: "counter", input: "fail", stream: true })) events.push(event);
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "server_error", message: expect.stringContaining("The counter is broken") } },
    });
    const leaving = new AbortController();
    const { data: stream, request_id } = await client()
      .responses.create({ model: "counter", input: "wait", stream: true }, { signal: leaving.signal })
      .withResponse();
    for await (const event of stream) if (event.type === "response.output_text.delta" && event.delta === ". ") leaving.abort();
    expect(await bed.recorded(request_id ?? "")).toEqual([{ agent_id: bed.counterId, status_code: 502, error_code: "RUNTIME_ERROR" }]);
  });

  it("are refused in OpenAI's form", async () => {
    const refusal = (options: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming>, key = bed.owner.key) =>
      failureOf(clientOf(key, { maxRetries: 0 }).responses.create({ model: "echo", input: "x", ...options }));
    expect(await refusal({ model: bed.echoId }, bed.stranger.key)).toMatchObject({ status: 404, code: "model_not_found" });
    expect(await refusal({ model: "spent" }, bed.broke.key)).toMatchObject({ status: 429, code: "insufficient_quota" });
    expect(await refusal({}, await bed.owner.keyWith("usage:read"))).toMatchObject({ status: 403, code: "insufficient_permissions" });
    const wrong: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming>[] = [
      { background: true },
      { conversation: "conv_1" },
      { tools: [{ type: "web_search" }] },
      { previous_response_id: "resp_1" },
      { nobody_knows_this: 1 } as object,
    ];
    for (const options of wrong)
      expect(await refusal(options)).toMatchObject({ status: 400, type: "invalid_request_error", param: Object.keys(options)[0] });
    const foreign = await client().responses.create({ model: "counter", input: "x" });
    expect(await refusal({ model: "counter", previous_response_id: foreign.id }, bed.busy.key)).toMatchObject({
      status: 502,
      message: expect.stringContaining("Session expired."),
    });
    expect(await failureOf(client().responses.retrieve(foreign.id))).toMatchObject({ status: 404 });
  });
});

describe("models", () => {
  it("are the caller's agents that can be invoked, by name or id", async () => {
    const models: OpenAI.Model[] = [];
    for await (const model of client().models.list()) models.push(model);
    expect(models.map(({ id, object }) => [id, object])).toEqual([
      ["counter", "model"],
      ["echo", "model"],
    ]);
    expect(await client().models.retrieve("echo")).toEqual(models[1]);
    expect(await client().models.retrieve(bed.echoId)).toEqual(models[1]);
  });

  it("of others, of agents that were never deployed and unknown ones are not found alike", async () => {
    await bed.owner.request("POST", "/v1/agents", { name: "draft", runtimeProvider: "cloudflare" });
    const failures = await Promise.all([
      failureOf(client().models.retrieve("draft")),
      failureOf(clientOf(bed.stranger.key).models.retrieve(bed.echoId)),
      failureOf(clientOf(bed.stranger.key).models.retrieve("echo")),
      failureOf(clientOf(bed.stranger.key).models.retrieve("nobody-knows-this")),
    ]);
    for (const failure of failures) expect(failure).toMatchObject({ status: 404, code: "model_not_found", error: failures[0]?.error });
    expect((await clientOf(bed.stranger.key).models.list()).data).toEqual([]);
  });
});

describe("an agent's name", () => {
  it("is followed when it changes, and finds the agent that has it now", async () => {
    const ask = async (model: string) => (await client().chat.completions.create({ model, messages: say("x") })).model;
    const rename = (id: string, name: string) => bed.owner.request("PATCH", `/v1/agents/${id}`, { name });
    expect(await ask("echo")).toBe("echo");
    await rename(bed.echoId, "parrot");
    expect(await failureOf(ask("echo"))).toMatchObject({ status: 404, code: "model_not_found" });
    expect(await ask("parrot")).toBe("parrot");
    await rename(bed.counterId, "echo");
    expect((await client().chat.completions.create({ model: "echo", messages: say("x") })).choices[0]?.message.content).toBe("turn 1: x ");
    await rename(bed.counterId, "counter");
    await rename(bed.echoId, "echo");
    expect(await ask(bed.echoId)).toBe("echo");
  });

  it("leads nowhere while the agent is disabled", async () => {
    await bed.owner.request("POST", `/v1/agents/${bed.echoId}/disable`);
    try {
      const refusal = client().chat.completions.create({ model: "echo", messages: say("x") });
      expect(await failureOf(refusal)).toMatchObject({ status: 409, code: "conflict" });
      expect((await client().models.list()).data.map(({ id }) => id)).toEqual(["counter"]);
      expect(await failureOf(client().models.retrieve("echo"))).toMatchObject({ status: 404 });
    } finally {
      await bed.owner.request("POST", `/v1/agents/${bed.echoId}/enable`);
    }
  });
});

describe("refusals have OpenAI's form", () => {
  const chat = (options: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> = {}, key = bed.owner.key) =>
    failureOf(clientOf(key, { maxRetries: 0 }).chat.completions.create({ model: "echo", messages: say("x"), ...options }));

  it("for credentials: none, bad ones and too little scope", async () => {
    expect(await chat({}, "whs_nobody")).toMatchObject({ status: 401, code: "invalid_api_key", type: "invalid_request_error" });
    expect(await chat({}, await bed.owner.keyWith("agents:read"))).toMatchObject({ status: 403, code: "insufficient_permissions" });
    const invokeOnly = clientOf(await bed.owner.keyWith("invoke"));
    expect((await invokeOnly.models.list()).data.length).toBeGreaterThan(1);
    expect((await invokeOnly.chat.completions.create({ model: "echo", messages: say("x") })).model).toBe("echo");
  });

  it.each(Object.values(protocolEndpoints).filter((endpoint) => endpoint.protocol.name === "openai"))(
    "for $method $path without a credential",
    async ({ method, path, protocol }) => {
      const response = await fetch(bed.plane.url + path.replace(/\{\w+\}/, "echo"), { method });
      expect(response.status).toBe(401);
      expect(response.headers.get("x-request-id")).toBe(response.headers.get("x-trace-id"));
      const body: unknown = await response.json();
      expect(body).toMatchObject({ error: { code: "invalid_api_key", param: null } });
      expect(protocol.failure.parse(body)).toEqual(body);
    },
  );

  it("for a foreign agent as for an unknown one", async () => {
    const [byId, byName, unknown] = [
      await chat({ model: bed.echoId }, bed.stranger.key),
      await chat({ model: "echo" }, bed.stranger.key),
      await chat({ model: "nobody-knows-this" }),
    ];
    expect(unknown).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    for (const failure of [byId, byName]) expect(failure).toMatchObject({ status: 404, error: unknown.error });
  });

  it.each([
    ["n", { n: 2 }],
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }],
    ["temperature", { temperature: 3 }],
    ["response_format.type", { response_format: { type: "json_object" } }],
    ["stream_options", { stream_options: { include_usage: true } }],
    ["nobody_knows_this", { nobody_knows_this: 1 } as object],
    ["messages", { messages: [] }],
    ["messages.0.role", { messages: [{ role: "robot", content: "x" } as never] }],
  ] satisfies [string, Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>][])(
    "for a request with a wrong %s",
    async (param, options) => {
      expect(await chat(options)).toMatchObject({ status: 400, type: "invalid_request_error", param, code: null });
    },
  );

  it("for a body that is no JSON, or too large", async () => {
    const send = async (body: string) => {
      const headers = { authorization: `Bearer ${bed.owner.key}`, "content-type": "application/json" };
      const response = await fetch(`${bed.plane.url}/v1/chat/completions`, { method: "POST", headers, body });
      return [response.status, await response.json()];
    };
    expect(await send("{")).toEqual([
      400,
      { error: { message: expect.any(String), type: "invalid_request_error", param: null, code: null } },
    ]);
    expect(await send(`"${"x".repeat(1024 * 1024)}"`)).toMatchObject([413, { error: { type: "invalid_request_error" } }]);
  });

  it("for a plan with nothing left, which is not worth another try", async () => {
    const failure = await chat({ model: "spent" }, bed.broke.key);
    expect(failure).toMatchObject({ status: 429, code: "insufficient_quota", type: "insufficient_quota" });
    expect(failure.headers?.get("x-should-retry")).toBe("false");
  });

  it("for too many at once, with when to come back", async () => {
    const leaving = new AbortController();
    const busy = clientOf(bed.busy.key, { maxRetries: 0 });
    const stream = await busy.chat.completions.create(
      { model: "counter", messages: say("wait"), stream: true },
      { signal: leaving.signal },
    );
    const failure = await chat({ model: "counter" }, bed.busy.key);
    expect(failure).toMatchObject({ status: 429, code: "rate_limit_exceeded", type: "requests" });
    expect(failure.headers?.get("retry-after")).toBe("1");
    expect(failure.headers?.get("x-ratelimit-limit-requests")).toBe("1");
    leaving.abort();
    for await (const _ of stream);
    await expect.poll(async () => (await busy.chat.completions.create({ model: "counter", messages: say("x") })).model).toBe("counter");
  });
});

describe("the Vercel AI SDK's OpenAI provider", () => {
  const provider = () => createOpenAI({ baseURL: `${bed.plane.url}/v1`, apiKey: bed.owner.key });

  it("generates and streams text by chat completions", async () => {
    const whole = await generateText({ model: provider().chat("echo"), system: "Be brief.", prompt: "Hello" });
    expect(whole.text).toBe("echo: system Be brief. | user Hello");
    expect(whole.usage.totalTokens).toBeGreaterThan(0);
    const { textStream, usage } = streamText({ model: provider().chat("counter"), prompt: "one two" });
    let text = "";
    for await (const piece of textStream) text += piece;
    expect(text).toBe("turn 1: one two ");
    expect((await usage).totalTokens).toBe(12);
  });

  it("generates and streams text by responses, which is its default", async () => {
    const whole = await generateText({ model: provider()("echo"), system: "Be brief.", prompt: "Hello" });
    expect(whole.text).toBe("echo: system Be brief. | user Hello");
    const { id } = whole.response;
    expect(id).toMatch(/^resp_/);
    const first = await generateText({ model: provider()("counter"), prompt: "x" });
    const { textStream } = streamText({
      model: provider()("counter"),
      prompt: "one two",
      providerOptions: { openai: { previousResponseId: first.response.id } },
    });
    let text = "";
    for await (const piece of textStream) text += piece;
    expect(text).toBe("turn 2: one two ");
  });

  it("throws what was refused", async () => {
    const refusal = generateText({ model: provider()("nobody-knows-this"), prompt: "x", maxRetries: 0 });
    await expect(refusal).rejects.toMatchObject({ statusCode: 404, message: "Agent not found." });
  });
});

describe("AG-UI by its own client", () => {
  const agentFor = (agent: string, key = bed.owner.key, threadId?: string) =>
    new HttpAgent({
      url: `${bed.plane.url}/ag-ui/${agent}`,
      headers: { authorization: `Bearer ${key}`, "x-trace-id": `ag-ui-${Math.random()}` },
      ...(threadId === undefined ? {} : { threadId }),
    });
  const handled: AgentStateMutation = { stopPropagation: true };
  /** Runs with one more message. What the client would print and throw is kept. */
  const run = async (agent: HttpAgent, content: string, subscriber: AgentSubscriber = {}) => {
    const events: BaseEvent[] = [];
    let failure: unknown;
    agent.addMessage({ id: crypto.randomUUID(), role: "user", content });
    const result = await agent.runAgent(
      {},
      {
        onEvent: ({ event }) => void events.push(event),
        onRunFailed({ error }) {
          failure = error;
          return handled;
        },
        ...subscriber,
      },
    );
    return { events, said: result.newMessages.map((message) => message.content), failure };
  };

  it("gets a run's events in their order, and the message that they make up", async () => {
    const agent = agentFor("counter");
    const { events, said } = await run(agent, "one two");
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 2)).toEqual([EventType.RUN_STARTED, EventType.TEXT_MESSAGE_START]);
    expect(types.slice(2, -2).length).toBeGreaterThan(1);
    expect(new Set(types.slice(2, -2))).toEqual(new Set([EventType.TEXT_MESSAGE_CONTENT]));
    expect(types.slice(-2)).toEqual([EventType.TEXT_MESSAGE_END, EventType.RUN_FINISHED]);
    expect(events.at(-1)).toMatchObject({ threadId: agent.threadId, usage: [{ inputTokens: 8, outputTokens: 4, totalTokens: 12 }] });
    expect(said).toEqual(["turn 1: one two "]);
    expect(await bed.recorded(agent.headers["x-trace-id"] ?? "")).toEqual([
      { agent_id: bed.counterId, status_code: 200, error_code: null },
    ]);
  });

  it("has a session for each thread, which is nobody else's", async () => {
    const threadId = crypto.randomUUID();
    expect((await run(agentFor("counter", bed.owner.key, threadId), "x")).said).toEqual(["turn 1: x "]);
    expect((await run(agentFor(bed.counterId, bed.owner.key, threadId), "x")).said).toEqual(["turn 2: x "]);
    expect((await run(agentFor("counter"), "x")).said).toEqual(["turn 1: x "]);
    expect((await run(agentFor("counter", bed.busy.key, threadId), "x")).said).toEqual(["turn 1: x "]);
    expect((await run(agentFor("echo", bed.owner.key, threadId), "x")).said).toEqual(["echo: user x"]);
  });

  it("is told that the agent failed, and stops it by leaving", async () => {
    const failed = await run(agentFor("counter"), "fail");
    expect(failed.events.at(-1)).toMatchObject({
      type: EventType.RUN_ERROR,
      code: "RUNTIME_ERROR",
      message: expect.stringContaining("broken"),
    });
    const leaving = agentFor("counter");
    await run(leaving, "wait", {
      onTextMessageContentEvent: ({ event }) => (event.delta === ". " ? leaving.abortRun() : undefined),
    });
    expect(await bed.recorded(leaving.headers["x-trace-id"] ?? "")).toEqual([
      { agent_id: bed.counterId, status_code: 502, error_code: "RUNTIME_ERROR" },
    ]);
  });

  it("is refused with the error that a run would have ended with", async () => {
    const refusal = async (agent: string, key: string, content = "x") => {
      const { failure } = await run(agentFor(agent, key), content);
      const { status, payload } = failure as { status: number; payload: { type: string; code: string } };
      expect(payload.type).toBe("RUN_ERROR");
      return [status, payload.code];
    };
    expect(await refusal("counter", "whs_nobody")).toEqual([401, "UNAUTHENTICATED"]);
    expect(await refusal("counter", await bed.owner.keyWith("agents:read"))).toEqual([403, "UNAUTHORIZED"]);
    for (const agent of [bed.counterId, "counter", "nobody-knows-this"])
      expect(await refusal(agent, bed.stranger.key)).toEqual([404, "NOT_FOUND"]);
    expect(await refusal("counter", bed.owner.key, "x".repeat(300_000))).toEqual([400, "INVALID_REQUEST"]);
    expect(await refusal("spent", bed.broke.key)).toEqual([402, "LIMIT_EXCEEDED"]);
    const holding = agentFor("counter", bed.busy.key);
    let refused: unknown;
    await run(holding, "wait", {
      async onTextMessageStartEvent() {
        refused = await refusal("counter", bed.busy.key);
        holding.abortRun();
      },
    });
    expect(refused).toEqual([429, "RATE_LIMITED"]);
  });
});

describeMcp(() => bed);

describeA2a(() => bed);

describeDiscovery(() => bed);
