import { createAgent, createDeployment, createUpload, getDeployment, type RuntimeProviderName, type WhsClient } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { FREE_PORTS, type ProcessName, type Stack, startStack } from "@whs/stack";
import { type Person, signUp } from "@whs/stack/testing";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";

export interface Subject {
  stack: Stack;
  person: Person;
  stop(): Promise<void>;
}

/** A whole stack on a data directory of its own, and a person whose plan is no limit to a benchmark. */
export async function startSubject(environment: NodeJS.ProcessEnv = {}, more: readonly ProcessName[] = []): Promise<Subject> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-bench-"));
  const tiersFile = path.join(dataDir, "tiers.yaml");
  await writeFile(tiersFile, await unlimitedTiers());
  const stack = await startStack({
    dataDir,
    ports: FREE_PORTS,
    processes: ["identity", "supervisor", ...more, "whs"],
    environment: { ...process.env, WHS_TIERS_FILE: tiersFile, ...withoutRates, ...environment },
  });
  const person = await signUp(stack.endpoints);
  return {
    stack,
    person,
    async stop() {
      await stack.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Rates of writes and uploads, which deploys one after the other reach. */
const withoutRates = Object.fromEntries(
  ["WRITES_PER_USER", "WRITES_PER_AGENT", "WRITES_PER_ADDRESS", "UPLOADS_PER_USER", "UPLOADS_PER_ADDRESS"].map((rate) => [
    `WHS_RATE_${rate}`,
    "off",
  ]),
);

/** Every plan as the product ships it, with figures that no benchmark reaches. */
async function unlimitedTiers(): Promise<string> {
  const document = parse(await readFile(path.resolve(import.meta.dirname, "../../config/tiers.yaml"), "utf8")) as {
    tiers: Record<string, Record<string, number | boolean>>;
  };
  for (const tier of Object.values(document.tiers)) {
    Object.assign(tier, {
      maxRequestsPerPeriod: 1e12,
      maxTokensPerPeriod: 1e12,
      maxComputeMsPerPeriod: 1e12,
      maxConcurrentInvocations: 1e6,
      maxRequestsPerSecond: 1e6,
      maxAgents: 1e6,
      agentcoreEnabled: true,
    });
  }
  return stringify(document);
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

export async function newAgent(client: WhsClient, name: string, runtimeProvider: RuntimeProviderName = "cloudflare"): Promise<string> {
  return (await client.call(createAgent, { body: { name, runtimeProvider } })).agent.id;
}
