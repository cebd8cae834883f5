/** Brings a folder's agent online as it is now. */
import { type Agent, createDeployment, type Deployment } from "@whs/api";
import { randomUUID } from "node:crypto";
import type { Api } from "../api.ts";
import { ensureAgent, requireSecrets } from "../deploy/ensure-agent.ts";
import { uploadBundle } from "../deploy/upload-bundle.ts";
import { describeFailure, waitForDeployment } from "../deploy/wait-for-deployment.ts";
import { type Bundle, buildProject } from "../project/build-project.ts";
import { type Project, readProject } from "../project/read-project.ts";

const TIMEOUT_MS = 60_000;
/** A swap takes some tenths of a second; whoever looks less often waits longer than it takes. */
const FIRST_LOOK_MS = 20;

export interface SwapOptions {
  api: Api;
  folder: string;
  agentName: string;
  color: boolean;
  /** Called with the agent before its first deployment, and again when its manifest names other secrets. */
  prepare: (agent: Agent, project: Project) => Promise<void>;
}

/** Each call deploys what the folder holds, unless it is the same as at the call before. */
export function createSwap({ api, folder, agentName, color, prepare }: SwapOptions) {
  let last: { agent: Agent; env: string; digest: Buffer } | undefined;
  /** @returns null where nothing has changed. @throws UserError with what to mend; the version before serves on. */
  return async function swap(onBundled: (bundle: Bundle) => void): Promise<Deployment | null> {
    const project = readProject(folder);
    const bundle = await buildProject(project, color);
    onBundled(bundle);
    if (last?.digest.equals(bundle.digest) === true) return null;
    const env = JSON.stringify(project.manifest.env);
    let agent = last?.agent;
    if (agent === undefined || last?.env !== env) {
      ({ agent } = await ensureAgent(api, agentName, project.manifest));
      await prepare(agent, project);
      await requireSecrets(api, agent, project.manifest, "whs dev");
    }
    const uploadId = await uploadBundle(api, bundle.archive, () => undefined);
    const { deployment } = await api.call(createDeployment, {
      id: agent.id,
      body: { artifact: { type: "uploaded_bundle", uploadId }, setAsActive: true },
      idempotencyKey: randomUUID(),
    });
    // What has been refused once is refused again: the sources have to change first.
    last = { agent, env, digest: bundle.digest };
    const ended = (await waitForDeployment(api, deployment.id, TIMEOUT_MS, FIRST_LOOK_MS)).deployment;
    if (ended.status === "failed") throw await describeFailure(api, ended, agent.name);
    return ended;
  };
}
