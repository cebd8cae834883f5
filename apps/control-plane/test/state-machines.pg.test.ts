import type { AgentStatus, DeploymentStatus } from "@whs/api";
import { newId } from "@whs/platform/ids";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mayFollow as agentMay } from "../src/features/agents/state.ts";
import { mayFollow as deploymentMay } from "../src/features/deployments/state.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";
import { type SeededAgent, seedActiveAgent } from "./seed.ts";

let plane: TestControlPlane;
let person: TestUser;
let seeded: SeededAgent;
beforeAll(async () => {
  plane = await startControlPlane();
  person = await plane.user();
  seeded = await seedActiveAgent(plane, person);
});
afterAll(() => plane.close());

const agentStatuses: AgentStatus[] = ["created", "deploying", "active", "error", "disabled"];
const deploymentStatuses: DeploymentStatus[] = ["deploying", "active", "failed", "rolled_back"];
const pairs = <T>(all: readonly T[]): [T, T][] => all.flatMap((from) => all.filter((to) => to !== from).map((to): [T, T] => [from, to]));

/** Tries a change in a transaction that leaves nothing behind, with the guards off until the start is set up. */
async function attempt(setUp: string[], change: string, values: unknown[]): Promise<string> {
  const client = await plane.pool.connect();
  try {
    await client.query("begin");
    await client.query("set local session_replication_role = replica");
    for (const statement of setUp) await client.query(statement);
    await client.query("set local session_replication_role = origin");
    await client.query(change, values);
    return "done";
  } catch (error) {
    return error instanceof Error ? error.message : "failed";
  } finally {
    await client.query("rollback");
    client.release();
  }
}

describe("the database's own state machine", () => {
  it.each(pairs(agentStatuses))("says of an agent from %s to %s what the code says", async (from, to) => {
    const outcome = await attempt(
      [`update whs.agents set status = '${from}' where id = '${seeded.agentId}'`],
      "update whs.agents set status = $2 where id = $1",
      [seeded.agentId, to],
    );
    expect(outcome).toBe(agentMay(from, to) ? "done" : `agent cannot go from ${from} to ${to}`);
  });

  it.each(pairs(deploymentStatuses))("says of a deployment from %s to %s what the code says", async (from, to) => {
    const id = newId("dep");
    const columns =
      "id, user_id, agent_id, version, runtime_provider, set_as_active, agent_status_before, artifact, manifest, provider_ref, telemetry_auth_ref, deployed_by, status, error_message, deployed_at, finished_at";
    const finished = from === "deploying" ? "null" : "now()";
    const insert = `insert into whs.deployments (${columns}) select '${id}', user_id, agent_id, 99, runtime_provider, true, 'active', artifact, manifest, provider_ref, telemetry_auth_ref, deployed_by,
      '${from}', ${from === "failed" ? "'why'" : "null"}, ${from === "deploying" ? "null" : "now()"}, ${finished} from whs.deployments where id = '${seeded.deploymentId}'`;
    const change = `update whs.deployments set status = $2${to === "failed" ? ", error_message = 'why'" : ""}${from === "deploying" ? ", deployed_at = now(), finished_at = now()" : ""} where id = $1`;
    const outcome = await attempt([insert], change, [id, to]);
    expect(outcome === "done").toBe(deploymentMay(from, to));
  });

  it.each([
    ["version", "version = 7"],
    ["agent", "agent_id = 'agt_other'"],
    ["artifact", `artifact = '{"type":"uploaded_bundle","source":{}}'`],
    ["manifest", `manifest = '{}'`],
    ["provider reference", `provider_ref = '{}'`],
    ["deployed_by", "deployed_by = 'usr_other'"],
    ["created_at", "created_at = now() - interval '1 day'"],
    ["time of deployment", "deployed_at = now() + interval '1 hour'"],
    ["runtime", "runtime_provider = 'agentcore'"],
    ["root key", `telemetry_auth_ref = '{"rootKeyId":"2","version":2,"rotatedAt":null}'`],
    ["key version downwards", `telemetry_auth_ref = '{"rootKeyId":"1","version":0,"rotatedAt":null}'`],
  ])("refuses to change a deployment's %s", async (_name, change) => {
    await expect(plane.pool.query(`update whs.deployments set ${change} where id = $1`, [seeded.deploymentId])).rejects.toThrow(
      /immutable|only goes up/,
    );
  });

  it("lets a key version go up, and nothing delete a deployment", async () => {
    await plane.pool.query(
      `update whs.deployments set telemetry_auth_ref = '{"rootKeyId":"1","version":2,"rotatedAt":"2026-01-01T00:00:00Z"}' where id = $1`,
      [seeded.deploymentId],
    );
    await expect(plane.pool.query("delete from whs.deployments where id = $1", [seeded.deploymentId])).rejects.toThrow("append-only");
  });

  it("refuses a pointer to another agent's deployment", async () => {
    const other = await seedActiveAgent(plane, person, "other");
    await expect(
      plane.pool.query("update whs.agents set active_deployment_id = $2 where id = $1", [seeded.agentId, other.deploymentId]),
    ).rejects.toThrow(/foreign key/);
  });

  it("refuses a second running deployment of an agent", async () => {
    const copy = (
      id: string,
      version: number,
    ) => `insert into whs.deployments (id, user_id, agent_id, version, runtime_provider, set_as_active, agent_status_before, artifact, telemetry_auth_ref, deployed_by)
      select '${id}', user_id, agent_id, ${version}, runtime_provider, true, 'active', artifact, telemetry_auth_ref, deployed_by from whs.deployments where id = '${seeded.deploymentId}'`;
    expect(await attempt([copy("dep_one", 50)], copy("dep_two", 51), [])).toContain("deployments_one_running");
  });
});
