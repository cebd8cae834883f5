/** An agent that runs, made over the API as programs do it. */
import { createAgent, createDeployment, createUpload, getDeployment, type WhsClient } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { vi } from "vitest";

const DEPLOY_TIMEOUT_MS = 60_000;

export interface DeployedAgent {
  agentId: string;
  deploymentId: string;
}

/** Creates an agent on Cloudflare and deploys one module to it. @throws when the deployment fails */
export async function deployAgent(client: WhsClient, name: string, source: string): Promise<DeployedAgent> {
  const { agent } = await client.call(createAgent, { body: { name, runtimeProvider: "cloudflare" } });
  return { agentId: agent.id, deploymentId: await deployTo(client, agent.id, source) };
}

/** @returns the deployment's id, once it serves */
async function deployTo(client: WhsClient, agentId: string, source: string): Promise<string> {
  const manifest = {
    protocol: "invoke/v1",
    runtime: "cloudflare",
    entrypoint: "agent.ts",
    capabilities: { streaming: true, tools: false },
  };
  const archive = await createBundleArchive([
    { path: "agent.config.json", bytes: Buffer.from(JSON.stringify(manifest)) },
    { path: "agent.ts", bytes: Buffer.from(source) },
  ]);
  const { upload } = await client.call(createUpload, { bytes: { contentType: "application/gzip", data: new Uint8Array(archive) } });
  const body = { artifact: { type: "uploaded_bundle" as const, uploadId: upload.id } };
  const { deployment } = await client.call(createDeployment, { id: agentId, body });
  await vi.waitFor(
    async () => {
      const { status, errorMessage } = (await client.call(getDeployment, { id: deployment.id })).deployment;
      if (status !== "active") throw new Error(`The deployment is ${status}: ${errorMessage ?? ""}`);
    },
    { timeout: DEPLOY_TIMEOUT_MS, interval: 50 },
  );
  return deployment.id;
}
