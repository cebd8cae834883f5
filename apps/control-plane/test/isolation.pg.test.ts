import { whsEndpoints } from "@whs/api";
import { newId } from "@whs/platform/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { type SeededAgent, seedActiveAgent } from "./seed.ts";

let plane: TestControlPlane;
let owner: TestUser;
let stranger: TestUser;
let foreign: SeededAgent & { tokenId: string; streamId: string };

beforeAll(async () => {
  plane = await startControlPlane();
  owner = await plane.user("owner");
  stranger = await plane.user("stranger");
  const seeded = await seedActiveAgent(plane, owner);
  const token = await owner.request<{ token: { id: string } }>("POST", "/v1/tokens", { name: "x" });
  foreign = { ...seeded, tokenId: token.body.token.id, streamId: newId("str") };
  await plane.pool.query(
    `insert into whs.streams (id, user_id, agent_id, gateway_id, status, last_event_id, expires_at)
     values ($1, $2, $3, 'gateway', 'done', 0, now() + interval '5 minutes')`,
    [foreign.streamId, foreign.userId, foreign.agentId],
  );
  const traceId = "trace-of-the-owner";
  await plane.pool.query(
    `insert into whs.invocations (day, id, user_id, agent_id, deployment_id, runtime_provider, trace_id, started_at, duration_ms, status_code)
     values (current_date, $1, $2, $3, $4, 'cloudflare', $5, now(), 1, 200)`,
    [newId("evt"), foreign.userId, foreign.agentId, foreign.deploymentId, traceId],
  );
});
afterAll(() => plane.close());

/** A body that passes validation, so that the answer depends on the id alone. */
const validBodies: Readonly<Record<string, unknown>> = {
  "agents.update": { description: "x" },
  "secrets.set": { secrets: { KEY: "value" } },
  "deployments.create": { artifact: { type: "uploaded_bundle", uploadId: newId("upl") } },
  "deployments.activate": {},
  "invoke.create": { input: { prompt: "hi" } },
  "invoke.stream": { input: { prompt: "hi" } },
};

const byId = Object.values(whsEndpoints).filter((endpoint) => endpoint.access.kind === "user" && endpoint.path.includes("{"));

function pathFor(path: string, ids: Record<"agent" | "deployment" | "token" | "trace" | "stream" | "session", string>): string {
  return `${path}${path.endsWith("/file") ? "?path=agent.ts" : ""}`
    .replace("{agentId}", ids.agent)
    .replace("{deploymentId}", ids.deployment)
    .replace("{traceId}", ids.trace)
    .replace("{streamId}", ids.stream)
    .replace("{key}", "KEY")
    .replace("{sessionId}", ids.session)
    .replace("{id}", path.startsWith("/v1/agents") ? ids.agent : path.startsWith("/v1/deployments") ? ids.deployment : ids.token);
}

const idsOf = ({ agentId, deploymentId, tokenId, streamId }: typeof foreign) => ({
  agent: agentId,
  deployment: deploymentId,
  token: tokenId,
  trace: "trace-of-the-owner",
  stream: streamId,
  session: newId("ses"),
});

describe("another tenant's id", () => {
  it("covers every endpoint that takes an id", () => {
    expect(byId.length).toBeGreaterThan(15);
  });

  it.each(byId.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const))(
    "answers %s byte for byte like an unknown one",
    async (_name, endpoint) => {
      const unknown = {
        agent: newId("agt"),
        deployment: newId("dep"),
        token: newId("tok"),
        trace: "trace-of-nobody-1",
        stream: newId("str"),
        session: newId("ses"),
      };
      const theirs = idsOf(foreign);
      const ask = (ids: Record<keyof typeof unknown, string>) =>
        stranger.request(endpoint.method, pathFor(endpoint.path, ids), validBodies[endpoint.name], { "x-trace-id": "same-trace-id" });
      const [toUnknown, toTheirs] = [await ask(unknown), await ask(theirs)];
      expect(toUnknown.status).toBe(404);
      expect(toTheirs.status).toBe(404);
      expect(toTheirs.text).toBe(toUnknown.text);
      expect(JSON.parse(toTheirs.text)).toMatchObject({ error: { code: "NOT_FOUND", details: {} }, traceId: "same-trace-id" });
      const names = (headers: Headers) => [...headers.keys()].filter((name) => name !== "date").toSorted();
      expect(names(toTheirs.headers)).toEqual(names(toUnknown.headers));
    },
  );

  it("shows up in no list", async () => {
    for (const path of ["/v1/agents", "/v1/tokens", "/v1/audit"]) {
      const list = await stranger.request<{ items: unknown[] }>("GET", path);
      expect(JSON.stringify(list.body.items)).not.toContain(foreign.userId);
      expect(JSON.stringify(list.body.items)).not.toContain(foreign.agentId);
    }
    expect((await owner.request<{ items: unknown[] }>("GET", "/v1/agents")).body.items).toHaveLength(1);
  });

  it.each(
    Object.values(whsEndpoints)
      .filter((endpoint) => endpoint.access.kind === "user")
      .map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint] as const),
  )("is refused with 401 without a credential: %s", async (_name, endpoint) => {
    const answer = await plane.as(undefined)(
      endpoint.method,
      pathFor(endpoint.path, idsOf(foreign)),
      endpoint.method === "GET" ? undefined : (validBodies[endpoint.name] ?? {}),
    );
    expect(answer).toMatchObject({ status: 401, body: { error: { code: "UNAUTHENTICATED" } } });
  });
});
