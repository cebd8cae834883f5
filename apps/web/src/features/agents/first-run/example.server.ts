/** The ready example that a first agent is made of, as it stands in this repository. */
import { createAgent, createDeployment, createUpload, type Deployment } from "@whs/api";
import manifest from "@whs/example-streaming-writer/agent.config.json?raw";
import source from "@whs/example-streaming-writer/src/agent.ts?raw";
import type { Api, Attempt } from "../../../api.server.ts";
import { packFolder } from "../deployments/pack-folder.ts";

const NAME = "my-first-agent";

/** @returns its id. With the same key it is the same agent. */
export async function createExample(api: Api, idempotencyKey: string): Promise<Attempt<string>> {
  const created = await api.attempt(createAgent, {
    body: { name: NAME, description: "Writes a short story, word by word.", runtimeProvider: "cloudflare" },
    idempotencyKey,
  });
  return created.ok ? { ok: true, answer: created.answer.agent.id } : created;
}

/** Uploads the example and lets the agent serve it. With the same key it is deployed once. */
export async function deployExample(api: Api, agentId: string, idempotencyKey: string): Promise<Attempt<Deployment>> {
  const bundle = await packFolder([
    { path: "agent.config.json", file: new Blob([manifest]) },
    { path: "src/agent.ts", file: new Blob([source]) },
  ]);
  const bytes = { contentType: "application/gzip", data: new Uint8Array(await bundle.arrayBuffer()) };
  const uploaded = await api.attempt(createUpload, { bytes, idempotencyKey });
  if (!uploaded.ok) return uploaded;
  const created = await api.attempt(createDeployment, {
    id: agentId,
    body: { artifact: { type: "uploaded_bundle", uploadId: uploaded.answer.upload.id } },
    idempotencyKey,
  });
  return created.ok ? { ok: true, answer: created.answer.deployment } : created;
}
