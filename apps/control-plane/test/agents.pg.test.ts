import type { Agent } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane.close());

const create = async (person: TestUser, body: Record<string, unknown> = {}) =>
  person.request<{ agent: Agent }>("POST", "/v1/agents", { name: "helper", runtimeProvider: "cloudflare", ...body });

/** Some states only a deploy brings about; the database's own rules still hold. */
async function putStatus(agentId: string, status: string): Promise<void> {
  await plane.pool.query("update whs.agents set status = $2 where id = $1", [agentId, status]);
}

describe("agents", () => {
  it("are created with their defaults, and read back the same", async () => {
    const person = await plane.user();
    const { status, body } = await create(person, { description: "Answers", envVarKeys: ["OPENAI_API_KEY"] });
    expect(status).toBe(201);
    expect(body.agent).toMatchObject({
      name: "helper",
      description: "Answers",
      framework: null,
      status: "created",
      activeDeploymentId: null,
      envVarKeys: ["OPENAI_API_KEY"],
      providerConfig: { cloudflare: {}, agentcore: null },
      sharing: "private",
      lastDeployedAt: null,
    });
    expect((await person.request<{ agent: Agent }>("GET", `/v1/agents/${body.agent.id}`)).body.agent).toEqual(body.agent);
  });

  it.each([
    ["a name too short", { name: "ab" }, "name"],
    ["a name too long", { name: "a".repeat(65) }, "name"],
    ["a name with a space", { name: "my agent" }, "name"],
    ["a description too long", { description: "x".repeat(4001) }, "description"],
    ["an unknown runtime", { runtimeProvider: "lambda" }, "runtimeProvider"],
    ["a key in lower case", { envVarKeys: ["key"] }, "envVarKeys.0"],
    ["a key of the platform", { envVarKeys: ["WHS_TOKEN"] }, "envVarKeys.0"],
    ["a telemetry key", { envVarKeys: ["TELEMETRY_X"] }, "envVarKeys.0"],
    ["too many keys", { envVarKeys: Array.from({ length: 129 }, (_, index) => `K${index}`) }, "envVarKeys"],
    ["a key named twice", { envVarKeys: ["A", "A"] }, "envVarKeys"],
    ["settings of the other runtime", { providerConfig: { agentcore: { region: "eu-west-1" } } }, "providerConfig.agentcore"],
    ["an unknown field", { userId: "usr_x" }, "userId"],
  ])("refuse %s and name the field", async (_name, body, fieldName) => {
    const person = await plane.user();
    const answer = await create(person, body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: expect.arrayContaining([expect.objectContaining({ fieldName })]) } } },
    });
    expect((await person.request<{ items: Agent[] }>("GET", "/v1/agents")).body.items).toEqual([]);
  });

  it("take null for an optional field as absent", async () => {
    const { status, body } = await create(await plane.user(), { description: null, envVarKeys: null });
    expect(status).toBe(201);
    expect(body.agent.envVarKeys).toEqual([]);
  });

  it("have names that are unique to their owner, whatever the case, until deleted", async () => {
    const [owner, other] = [await plane.user(), await plane.user()];
    const { body } = await create(owner);
    expect(await create(owner, { name: "HELPER" })).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
    expect((await create(other)).status).toBe(201);
    expect((await owner.request("DELETE", `/v1/agents/${body.agent.id}`)).status).toBe(204);
    expect((await create(owner)).status).toBe(201);
  });

  it("need a plan for AgentCore and are no more than the plan allows, even when created at once", async () => {
    const person = await plane.user();
    expect(await create(person, { runtimeProvider: "agentcore" })).toMatchObject({
      status: 402,
      body: { error: { code: "LIMIT_EXCEEDED", details: { limitType: "runtimeGated" } } },
    });
    const answers = await Promise.all(Array.from({ length: 12 }, (_, index) => create(person, { name: `agent-${index}` })));
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(5);
    const refused = answers.find((answer) => answer.status === 402);
    expect(refused?.body).toMatchObject({ error: { details: { limitType: "maxAgents", current: 5, limit: 5 } } });
  });

  it("change field by field, and never their owner or status", async () => {
    const person = await plane.user();
    const { agent } = (await create(person)).body;
    const changed = await person.request<{ agent: Agent }>("PATCH", `/v1/agents/${agent.id}`, { name: "renamed", sharing: "installable" });
    expect(changed.body.agent).toMatchObject({ name: "renamed", sharing: "installable", runtimeProvider: "cloudflare" });
    for (const body of [{ status: "active" }, { userId: "usr_x" }, { activeDeploymentId: "dep_x" }, {}])
      expect((await person.request("PATCH", `/v1/agents/${agent.id}`, body)).status).toBe(400);
  });

  it("cannot be deleted while deploying", async () => {
    const person = await plane.user();
    const { agent } = (await create(person)).body;
    await putStatus(agent.id, "deploying");
    expect((await person.request("DELETE", `/v1/agents/${agent.id}`)).status).toBe(409);
    await putStatus(agent.id, "error");
    expect((await person.request("DELETE", `/v1/agents/${agent.id}`)).status).toBe(204);
  });

  it("are disabled and enabled, twice as once", async () => {
    const person = await plane.user();
    const { agent } = (await create(person)).body;
    const post = (verb: string) => person.request<{ agent: Agent }>("POST", `/v1/agents/${agent.id}/${verb}`);
    expect((await post("disable")).body.agent.status).toBe("disabled");
    expect((await post("disable")).body.agent.status).toBe("disabled");
    expect((await post("enable")).body.agent.status).toBe("created");
    expect((await post("enable")).body.agent.status).toBe("created");
  });

  it("are gone once deleted", async () => {
    const person = await plane.user();
    const { agent } = (await create(person)).body;
    expect((await person.request("DELETE", `/v1/agents/${agent.id}`)).status).toBe(204);
    for (const [method, path] of [
      ["GET", `/v1/agents/${agent.id}`],
      ["DELETE", `/v1/agents/${agent.id}`],
      ["POST", `/v1/agents/${agent.id}/enable`],
      ["GET", `/v1/agents/${agent.id}/secrets`],
      ["GET", `/v1/agents/${agent.id}/deployments`],
    ] as const) {
      expect((await person.request(method, path)).status).toBe(404);
    }
    expect((await person.request<{ items: Agent[] }>("GET", "/v1/agents")).body.items).toEqual([]);
  });

  it("are listed newest first, in pages without gap or repetition while more are created", async () => {
    const person = await plane.user();
    await person.request("GET", "/v1/me");
    await plane.pool.query("update whs.users set subscription_tier = 'enterprise' where external_id = $1", [person.externalId]);
    const token = await plane.issuer.sign({ sub: person.externalId, email: "fresh@example.com" });
    const fresh = { ...person, request: plane.as(token) };
    const names = Array.from({ length: 12 }, (_, index) => `agent-${String(index).padStart(2, "0")}`);
    for (const name of names) expect((await create(fresh, { name })).status).toBe(201);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: { body: { items: Agent[]; nextCursor: string | null } } = await fresh.request(
        "GET",
        `/v1/agents?limit=5${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.items.map((agent) => agent.name));
      cursor = page.body.nextCursor;
      await create(fresh, { name: `late-${seen.length}` });
    }
    expect(seen).toEqual(names.toReversed());
  });

  it("are found by text, status and runtime, and listed in any order, page by page", async () => {
    const person = await plane.user();
    const about: Record<string, string> = { bravo: "Reads 100% of the mail", Alpha: "writes", delta: "Answers MAIL", charlie: "sings" };
    const ids: Record<string, string> = {};
    for (const [name, description] of Object.entries(about)) ids[name] = (await create(person, { name, description })).body.agent.id;
    await plane.pool.query("update whs.agents set last_deployed_at = now() - interval '1 day' where id = $1", [ids["Alpha"]]);
    await plane.pool.query("update whs.agents set last_deployed_at = now() where id = $1", [ids["charlie"]]);
    await person.request("POST", `/v1/agents/${ids["delta"]}/disable`);
    const list = async (query: string) =>
      (await person.request<{ items: Agent[]; nextCursor: string | null }>("GET", `/v1/agents?${query}`)).body;
    const found = async (query: string) => (await list(query)).items.map(({ name }) => name);
    expect(await found("q=mail&sort=name")).toEqual(["bravo", "delta"]);
    expect(await found("q=ALPHA")).toEqual(["Alpha"]);
    expect(await found("q=100%25")).toEqual(["bravo"]);
    expect(await found("q=%25")).toEqual(["bravo"]);
    expect(await found("q=_")).toEqual([]);
    expect(await found("q=mail&status=disabled")).toEqual(["delta"]);
    expect(await found("runtimeProvider=agentcore")).toEqual([]);
    for (const [sort, expected] of Object.entries({
      name: ["Alpha", "bravo", "charlie", "delta"],
      "-name": ["delta", "charlie", "bravo", "Alpha"],
      createdAt: ["bravo", "Alpha", "delta", "charlie"],
      "-lastDeployedAt": ["charlie", "Alpha", "delta", "bravo"],
      lastDeployedAt: ["bravo", "delta", "Alpha", "charlie"],
    })) {
      const first = await list(`sort=${sort}&limit=1`);
      const names = first.items.map(({ name }) => name);
      for (let cursor = first.nextCursor; cursor !== null;) {
        const page = await list(`sort=${sort}&limit=1&cursor=${cursor}`);
        names.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor;
      }
      expect([sort, names]).toEqual([sort, expected]);
    }
    const { nextCursor } = await list("sort=name&limit=1");
    expect((await person.request("GET", `/v1/agents?sort=-name&cursor=${nextCursor}`)).status).toBe(400);
  });

  it.each([
    "limit=0",
    "limit=101",
    "limit=abc",
    "limit=1e1",
    "limit=0x10",
    "limit=%205",
    "cursor=AAAA",
    "cursor=%00",
    "sort=status",
    "status=gone",
  ])("refuse the query %s", async (query) => {
    const person = await plane.user();
    expect(await person.request("GET", `/v1/agents?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST" } },
    });
  });

  it("write an audit entry for each change, that nobody can alter", async () => {
    const person = await plane.user();
    const { agent } = (await create(person)).body;
    await person.request("POST", `/v1/agents/${agent.id}/disable`);
    const audit = await person.request<{ items: { action: string; target: string; actor: string }[] }>("GET", "/v1/audit");
    expect(audit.body.items.map((entry) => entry.action)).toEqual(["agent.disabled", "agent.created"]);
    expect(audit.body.items[0]).toMatchObject({ target: agent.id, actor: `user:${agent.userId}` });
    const found = async (query: string): Promise<string[]> =>
      (await person.request<{ items: { action: string }[] }>("GET", `/v1/audit?${query}`)).body.items.map((entry) => entry.action);
    expect(await found("action=agent")).toEqual(["agent.disabled", "agent.created"]);
    expect(await found("action=agent.created")).toEqual(["agent.created"]);
    expect(await found(`action=agent.created&target=${agent.id}`)).toEqual(["agent.created"]);
    expect([await found("action=agen"), await found("action=agent.&target=x"), await found("target=x")]).toEqual([[], [], []]);
    await expect(plane.pool.query("update whs.audit_log set action = 'x.y'")).rejects.toThrow("append-only");
    await expect(plane.pool.query("delete from whs.audit_log")).rejects.toThrow("append-only");
    await expect(plane.pool.query("truncate whs.audit_log")).rejects.toThrow("append-only");
  });
});
