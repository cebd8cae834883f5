import { createBundleArchive } from "@whs/artifact";
import type { Agent, Deployment } from "@whs/api";
import { expect, vi } from "vitest";
import type { TestUser } from "./harness.ts";

export interface DeployOptions {
  /** Paths and texts; `agent.config.json` is added when missing. */
  files: Record<string, string>;
  manifest?: Record<string, unknown>;
  /** Further fields of the deployment's body. */
  body?: Record<string, unknown>;
}

export const manifestOf = (over: Record<string, unknown> = {}): string =>
  JSON.stringify({
    protocol: "invoke/v1",
    runtime: "cloudflare",
    entrypoint: "agent.ts",
    capabilities: { streaming: true, tools: false },
    ...over,
  });

/** An agent that answers with what it was told. */
export const echo = (prefix: string) => `export default { invoke({ messages }: any) { return "${prefix}" + messages.at(-1).content; } };`;

export async function createAgent(person: TestUser, name: string, body: Record<string, unknown> = {}): Promise<string> {
  const answer = await person.request<{ agent: Agent }>("POST", "/v1/agents", { name, runtimeProvider: "cloudflare", ...body });
  expect(answer.status).toBe(201);
  return answer.body.agent.id;
}

export async function upload(person: TestUser, files: Record<string, string>): Promise<string> {
  const bytes = await createBundleArchive(Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })));
  const answer = await person.request<{ upload: { id: string } }>("POST", "/v1/uploads", new Uint8Array(bytes), {
    "content-type": "application/gzip",
  });
  expect(answer).toMatchObject({ status: 201 });
  return answer.body.upload.id;
}

/** Uploads and asks for a deployment; what comes of it is the caller's to look at. */
export async function requestDeployment(person: TestUser, agentId: string, options: DeployOptions) {
  const uploadId = await upload(person, { "agent.config.json": manifestOf(options.manifest), ...options.files });
  return person.request<{ deployment: Deployment }>("POST", `/v1/agents/${agentId}/deployments`, {
    artifact: { type: "uploaded_bundle", uploadId },
    ...options.body,
  });
}

/** Waits until a deployment has ended, one way or the other. */
export function deploymentEnd(person: TestUser, id: string): Promise<Deployment> {
  return vi.waitFor(
    async () => {
      const { deployment } = (await person.request<{ deployment: Deployment }>("GET", `/v1/deployments/${id}`)).body;
      if (deployment.status === "deploying") throw new Error("The deployment is still running");
      return deployment;
    },
    { timeout: 90_000, interval: 30 },
  );
}

/** Deploys and expects it to serve. */
export async function deploy(
  person: TestUser,
  agentId: string,
  source: string,
  options: Omit<DeployOptions, "files"> = {},
): Promise<Deployment> {
  const answer = await requestDeployment(person, agentId, { ...options, files: { "agent.ts": source } });
  expect(answer).toMatchObject({ status: 202 });
  const deployment = await deploymentEnd(person, answer.body.deployment.id);
  expect(deployment.errorMessage).toBeNull();
  expect(deployment.status).toBe("active");
  return deployment;
}
