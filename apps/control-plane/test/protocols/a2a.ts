import { type AgentCard, type Message, Role, type StreamResponse, type Task, TaskState, verifyAgentCardSignature } from "@a2a-js/sdk";
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from "@a2a-js/sdk/client";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { ProtocolBed } from "../protocol-bed.ts";

type PublicKey = Awaited<ReturnType<Parameters<typeof verifyAgentCardSignature>[0]>>;

/** The official client, of both versions of the protocol, talks to agents and follows their tasks. */
export function describeA2a(bedOf: () => ProtocolBed): void {
  const urlOf = (agent: string) => `${bedOf().plane.url}/a2a/${agent}/`;
  /** @param version what the client asks the card for; without one, it gets that of 0.3 */
  const open = (
    agent: string,
    { key = bedOf().owner.key, version = "1.0", traceId }: { key?: string; version?: string; traceId?: string } = {},
  ) => {
    const fetchImpl: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      headers.set("authorization", `Bearer ${key}`);
      if (traceId !== undefined) headers.set("x-trace-id", traceId);
      if (version !== "1.0" && (init?.method ?? "GET") === "GET") headers.delete("a2a-version");
      return fetch(input, { ...init, headers });
    };
    const options = { fetchImpl, legacyCompat: { enabled: true } };
    const factory = new ClientFactory({
      transports: [new JsonRpcTransportFactory(options)],
      cardResolver: new DefaultAgentCardResolver(options),
    });
    return factory.createFromUrl(urlOf(agent));
  };
  const say = (text: string, more: Partial<Message> = {}, returnImmediately = false) => ({
    tenant: "",
    message: {
      messageId: crypto.randomUUID(),
      contextId: "",
      taskId: "",
      role: Role.ROLE_USER,
      parts: [{ content: { $case: "text" as const, value: text }, metadata: undefined, filename: "", mediaType: "" }],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
      ...more,
    },
    configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately },
    metadata: undefined,
  });
  const textOf = (said: Pick<Message, "parts">) =>
    said.parts.map(({ content }) => (content?.$case === "text" ? content.value : "")).join("");
  const answerOf = (result: Message | Task) => {
    expect(result).toHaveProperty("messageId");
    return result as Message;
  };
  const taskOf = (result: Message | Task) => {
    expect(result).toHaveProperty("status");
    return result as Task;
  };
  /** What a stream tells: its task, what was said, and how it ended. */
  const follow = async (events: AsyncGenerator<StreamResponse>, onText: (task: Task) => void = () => undefined) => {
    let task: Task | undefined;
    let text = "";
    const states: (TaskState | undefined)[] = [];
    for await (const { payload } of events) {
      if (payload?.$case === "task") task = payload.value;
      if (payload?.$case === "artifactUpdate") {
        expect(payload.value.append).toBe(text !== "");
        text += textOf(payload.value.artifact!);
        onText(task!);
      }
      if (payload?.$case === "statusUpdate") states.push(payload.value.status?.state);
    }
    return { task: task!, text, states };
  };

  describe.each(["1.0", "0.3"])("A2A %s by its official client", (version) => {
    let echo: Client;
    let counter: Client;
    beforeAll(async () => {
      [echo, counter] = await Promise.all([open("echo", { version }), open(bedOf().counterId, { version })]);
    });

    it("reads the agent's card, and speaks its version", async () => {
      const card = await echo.getAgentCard();
      expect(card).toMatchObject({ name: "echo", description: "Says what it was told.", capabilities: { streaming: true } });
      expect(echo.protocolVersion).toBe(version);
    });

    it("sends a message and gets the agent's", async () => {
      const answer = answerOf(await echo.sendMessage(say("Hello")));
      expect(textOf(answer)).toBe("echo: user Hello");
      expect(answer).toMatchObject({ role: Role.ROLE_AGENT, metadata: { usage: { tokens: expect.any(Number) } } });
      const traceId = String(answer.metadata?.["traceId"]);
      expect(await bedOf().recorded(traceId)).toEqual([{ agent_id: bedOf().echoId, status_code: 200, error_code: null }]);
    });

    it("has a session for each context, which is nobody else's", async () => {
      const { contextId, ...first } = answerOf(await counter.sendMessage(say("x")));
      expect(textOf(first)).toBe("turn 1: x ");
      expect(textOf(answerOf(await counter.sendMessage(say("y", { contextId }))))).toBe("turn 2: y ");
      expect(textOf(answerOf(await counter.sendMessage(say("z"))))).toBe("turn 1: z ");
      const busy = await open("counter", { version, key: bedOf().busy.key });
      expect(textOf(answerOf(await busy.sendMessage(say("x", { contextId }))))).toBe("turn 1: x ");
    });

    it("streams a task, which can be looked at afterwards", async () => {
      const { task, text, states } = await follow(counter.sendMessageStream(say("one two")));
      expect(task.status?.state).toBe(TaskState.TASK_STATE_WORKING);
      expect(text).toBe("turn 1: one two ");
      expect(states).toEqual([TaskState.TASK_STATE_COMPLETED]);
      const kept = await counter.getTask({ tenant: "", id: task.id });
      expect(kept).toMatchObject({ id: task.id, contextId: task.contextId, status: { state: TaskState.TASK_STATE_COMPLETED } });
      expect(kept.artifacts.map(textOf)).toEqual(["turn 1: one two "]);
      expect(await bedOf().recorded(String(kept.metadata?.["traceId"]))).toEqual([
        { agent_id: bedOf().counterId, status_code: 200, error_code: null },
      ]);
    });

    it("starts a long task, comes back to it, and cancels it", async () => {
      const traceId = `a2a-cancel-${crypto.randomUUID()}`;
      const client = await open("counter", { version, traceId });
      const { id } = taskOf(await client.sendMessage(say("wait", {}, true)));
      let cancelled: Promise<Task> | undefined;
      const followed = await follow(client.resubscribeTask({ tenant: "", id }), () => {
        cancelled ??= client.cancelTask({ tenant: "", id, metadata: undefined });
      });
      expect(followed.task.id).toBe(id);
      expect(followed.states).toEqual([TaskState.TASK_STATE_CANCELED]);
      expect((await cancelled)?.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
      expect((await client.getTask({ tenant: "", id })).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
      await expect(client.cancelTask({ tenant: "", id, metadata: undefined })).rejects.toThrow(/has ended/);
      expect(await bedOf().recorded(traceId)).toEqual([{ agent_id: bedOf().counterId, status_code: 502, error_code: "RUNTIME_ERROR" }]);
    });

    it("is told that the agent failed, in a task and without one", async () => {
      await expect(counter.sendMessage(say("fail"))).rejects.toThrow(/The counter is broken/);
      const { task, states } = await follow(counter.sendMessageStream(say("fail")));
      expect(states).toEqual([TaskState.TASK_STATE_FAILED]);
      const failed = await counter.getTask({ tenant: "", id: task.id });
      expect(textOf(failed.status!.message!)).toContain("The counter is broken");
    });

    it("stops the agent by leaving a message", async () => {
      const traceId = `a2a-leave-${crypto.randomUUID()}`;
      const client = await open("counter", { version, traceId });
      const leaving = new AbortController();
      const waiting = client.sendMessage(say("wait"), { signal: leaving.signal });
      await expect
        .poll(
          async () => (await bedOf().owner.request<{ pending: { requests: number } }>("GET", "/v1/billing/usage")).body.pending.requests,
        )
        .toBeGreaterThan(0);
      leaving.abort();
      await expect(waiting).rejects.toThrow(/abort/i);
      expect(await bedOf().recorded(traceId)).toEqual([{ agent_id: bedOf().counterId, status_code: 502, error_code: "RUNTIME_ERROR" }]);
    });

    it("is refused what is not offered, with A2A's errors", async () => {
      const file = { content: { $case: "url" as const, value: "https://x.example" }, metadata: undefined, filename: "", mediaType: "" };
      await expect(echo.sendMessage(say("", { parts: [file] }))).rejects.toThrow(/text alone/);
      await expect(echo.getTask({ tenant: "", id: "str_00000000000000000000000000" })).rejects.toThrow(/Task not found/);
      const { id } = taskOf(await echo.sendMessage(say("x", {}, true)));
      await expect(counter.getTask({ tenant: "", id })).rejects.toThrow(/Task not found/);
      await expect(echo.sendMessage(say("more", { taskId: id }))).rejects.toThrow(/no more messages/);
    });

    it("meets the limits of a plan", async () => {
      const broke = await open("spent", { version, key: bedOf().broke.key });
      await expect(broke.sendMessage(say("x"))).rejects.toMatchObject({ envelopeCode: 402, data: { code: "LIMIT_EXCEEDED" } });
      const busy = await open("counter", { version, key: bedOf().busy.key });
      const { id } = taskOf(await busy.sendMessage(say("wait", {}, true)));
      await expect(busy.sendMessage(say("x"))).rejects.toMatchObject({
        envelopeCode: 429,
        data: { code: "RATE_LIMITED", retryable: true },
      });
      await busy.cancelTask({ tenant: "", id, metadata: undefined });
    });

    it("finds neither cards nor agents of somebody else", async () => {
      for (const agent of ["echo", bedOf().echoId, "nobody-knows-this"])
        await expect(open(agent, { version, key: bedOf().stranger.key })).rejects.toThrow(/404/);
    });
  });

  it("an A2A card of 1.0 is signed by a key that anybody can get, and any change shows", async () => {
    // As it was sent: the client's own object of a card has no security schemes in the form that is signed.
    const headers = { authorization: `Bearer ${bedOf().owner.key}`, "a2a-version": "1.0" };
    const card = (await (await fetch(`${urlOf("echo")}.well-known/agent-card.json`, { headers })).json()) as AgentCard;
    const keyAt = async (kid: string, jku?: string) => {
      const { keys } = (await (await fetch(jku ?? "")).json()) as { keys: (PublicKey & { kid: string })[] };
      return keys.find((key) => key.kid === kid)!;
    };
    const verify = verifyAgentCardSignature(keyAt);
    await verify(card);
    expect(card.securitySchemes).toHaveProperty("bearer");
    const debug = vi.spyOn(console, "debug").mockReturnValue();
    await expect(verify({ ...card, name: "evil" })).rejects.toThrow(/No valid signatures/);
    debug.mockRestore();
  });

  describe("A2A refuses", () => {
    const send = async (
      body: object | string,
      { agent = "echo", key = bedOf().owner.key, headers = {} }: { agent?: string; key?: string | null; headers?: object } = {},
    ) => {
      const response = await fetch(`${bedOf().plane.url}/a2a/${agent}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, body: (await response.json()) as { error?: { message: string } } };
    };
    const request = (method: string, params: object = {}) => ({ jsonrpc: "2.0", id: "a", method, params });
    const message = { messageId: "1", role: "ROLE_USER", parts: [{ text: "x" }] };

    it.each([
      ["text that is no JSON", "{", 400, -32700, null],
      ["a batch", [request("GetTask")], 400, -32600, null],
      ["a notification", { jsonrpc: "2.0", method: "SendMessage", params: { message } }, 400, -32600, null],
      ["a body that is too large", `"${"x".repeat(1024 * 1024)}"`, 413, -32600, null],
      ["an unknown method", request("nobody/knows"), 200, -32601, "a"],
      ["a message of nobody", request("SendMessage", { message: { ...message, role: "ROLE_AGENT" } }), 200, -32602, "a"],
      [
        "a message that is too long",
        request("SendMessage", { message: { ...message, parts: [{ text: "x".repeat(300_000) }] } }),
        400,
        -32600,
        "a",
      ],
      ["a list of tasks", request("ListTasks"), 200, -32004, "a"],
      [
        "push notifications",
        request("SendMessage", { message, configuration: { taskPushNotificationConfig: { url: "https://x.example" } } }),
        200,
        -32003,
        "a",
      ],
      [
        "answers that are no text",
        request("SendMessage", { message, configuration: { acceptedOutputModes: ["image/png"] } }),
        200,
        -32005,
        "a",
      ],
    ])("%s", async (_what, body, status, code, id) => {
      expect(await send(body)).toMatchObject({ status, body: { jsonrpc: "2.0", id, error: { code } } });
    });

    it("versions that it does not speak, and pages of other origins", async () => {
      expect(await send(request("GetTask"), { headers: { "a2a-version": "2.0" } })).toMatchObject({
        status: 200,
        body: { error: { code: -32009 } },
      });
      expect(await send(request("GetTask"), { headers: { origin: "https://evil.example" } })).toMatchObject({ status: 403 });
    });

    it("whoever has no credential, too little scope, or no such agent", async () => {
      const none = await send(request("SendMessage", { message }), { key: null });
      expect(none).toMatchObject({ status: 401, body: { error: { code: 401, data: { code: "UNAUTHENTICATED" } } } });
      expect(none.headers.get("www-authenticate")).toContain("/.well-known/oauth-protected-resource");
      expect(await send(request("SendMessage", { message }), { key: await bedOf().owner.keyWith("agents:read") })).toMatchObject({
        status: 403,
        body: { error: { code: 403 } },
      });
      const { key } = bedOf().stranger;
      const [foreign, unknown] = await Promise.all(
        [bedOf().echoId, "nobody-knows-this"].map((agent) => send(request("SendMessage", { message }), { agent, key })),
      );
      expect(foreign).toMatchObject({ status: 404, body: { id: "a", error: { code: 404, data: { code: "NOT_FOUND" } } } });
      expect(unknown?.body.error?.message).toBe(foreign?.body.error?.message);
    });
  });
}
