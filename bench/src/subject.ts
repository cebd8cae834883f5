import { createAgent, createDeployment, createUpload, getDeployment, type WhsClient } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { type Person, signUp } from "@whs/stack/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";

export interface Subject {
  stack: Stack;
  person: Person;
  stop(): Promise<void>;
}

/** A whole stack on a data directory of its own, and a person whose plan is no limit to a benchmark. */
export async function startSubject(): Promise<Subject> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-bench-"));
  const stack = await startStack({ dataDir, ports: FREE_PORTS });
  const person = await signUp(stack.endpoints, { beforeFirstUse: async (email) => raisePlan(stack, email) });
  return {
    stack,
    person,
    async stop() {
      await stack.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** There is no operator's way to do this over HTTP here that would not itself be measured; the row is set before it is cached. */
async function raisePlan(stack: Stack, email: string): Promise<void> {
  const client = new pg.Client({ connectionString: stack.endpoints.postgres });
  await client.connect();
  await client.query("update whs.users set subscription_tier = 'enterprise' where email = $1", [email]);
  await client.end();
}

export async function deployAgent(
  client: WhsClient,
  agentId: string,
  source: string,
  manifest: Record<string, unknown> = {},
): Promise<{ id: string; acceptedToActiveMs: number }> {
  const config = {
    protocol: "invoke/v1",
    runtime: "cloudflare",
    entrypoint: "agent.ts",
    capabilities: { streaming: true, tools: false },
    ...manifest,
  };
  const archive = await createBundleArchive([
    { path: "agent.config.json", bytes: Buffer.from(JSON.stringify(config)) },
    { path: "agent.ts", bytes: Buffer.from(source) },
  ]);
  const { upload } = await client.call(createUpload, { bytes: { contentType: "application/gzip", data: new Uint8Array(archive) } });
  const { deployment } = await client.call(createDeployment, {
    id: agentId,
    body: { artifact: { type: "uploaded_bundle", uploadId: upload.id } },
  });
  const acceptedAt = performance.now();
  for (;;) {
    const { status, errorMessage } = (await client.call(getDeployment, { id: deployment.id })).deployment;
    if (status === "active") return { id: deployment.id, acceptedToActiveMs: performance.now() - acceptedAt };
    if (status === "failed") throw new Error(`The deploy failed: ${errorMessage}`);
  }
}

export async function newAgent(client: WhsClient, name: string): Promise<string> {
  return (await client.call(createAgent, { body: { name, runtimeProvider: "cloudflare" } })).agent.id;
}
