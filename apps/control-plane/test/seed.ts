import { newId } from "@whs/platform/ids";
import type { TestControlPlane, TestUser } from "./harness.ts";

export interface SeededAgent {
  userId: string;
  agentId: string;
  deploymentId: string;
}

/** An agent with an active deployment, as a finished deploy leaves it, for tests that need no data plane. */
export async function seedActiveAgent(plane: TestControlPlane, person: TestUser, name = "seeded"): Promise<SeededAgent> {
  const { body } = await person.request<{ agent: { id: string; userId: string } }>("POST", "/v1/agents", {
    name,
    runtimeProvider: "cloudflare",
  });
  const { id: agentId, userId } = body.agent;
  const deploymentId = newId("dep");
  await plane.pool.query("update whs.agents set status = 'deploying', next_version = 2 where id = $1", [agentId]);
  await plane.pool.query(
    `insert into whs.deployments (id, user_id, agent_id, version, runtime_provider, set_as_active, agent_status_before, artifact, manifest, telemetry_auth_ref, deployed_by)
     values ($1, $2, $3, 1, 'cloudflare', true, 'created', $4, $5, $6, $2)`,
    [
      deploymentId,
      userId,
      agentId,
      JSON.stringify({ type: "uploaded_bundle", source: { uploadId: newId("upl"), checksum: `sha256:${"0".repeat(64)}`, sizeBytes: 1 } }),
      JSON.stringify({
        protocol: "invoke/v1",
        runtime: "cloudflare",
        entrypoint: "agent.js",
        sessionful: true,
        env: { requiredKeys: [], optionalKeys: [] },
        capabilities: { streaming: false, tools: false },
      }),
      JSON.stringify({ rootKeyId: "1", version: 1, rotatedAt: null }),
    ],
  );
  await plane.pool.query(
    "update whs.deployments set status = 'active', provider_ref = $2, deployed_at = now(), finished_at = now() where id = $1",
    [deploymentId, JSON.stringify({ cloudflare: { workerName: "w", workerUrl: null }, agentcore: null })],
  );
  await plane.pool.query("update whs.agents set status = 'active', active_deployment_id = $2 where id = $1", [agentId, deploymentId]);
  return { userId, agentId, deploymentId };
}
