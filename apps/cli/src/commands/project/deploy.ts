import { createDeployment, type Deployment } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, flag, optional } from "../../command.ts";
import type { Context } from "../../context.ts";
import { type EnsuredAgent, ensureAgent, requireSecrets } from "../../deploy/ensure-agent.ts";
import { uploadBundle } from "../../deploy/upload-bundle.ts";
import { describeFailure, waitForDeployment } from "../../deploy/wait-for-deployment.ts";
import { UsageError } from "../../errors.ts";
import { type Bundle, buildProject } from "../../project/build-project.ts";
import { commitOf } from "../../project/git-commit.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { bytes, duration, plural } from "../../terminal/format.ts";
import { runSteps } from "../../terminal/progress.ts";

const DEFAULT_TIMEOUT_SECONDS = 300;

export const deploy = command({
  path: ["deploy"],
  group: "Build and deploy",
  summary: "Build an agent, upload it and let it serve; creates the agent where there is none",
  args: { folder: optional("The agent's folder; default: here") },
  options: {
    agent: { kind: "text", value: "name|id", summary: "Deploy to this agent; default: the name in agent.config.json" },
    wait: { kind: "switch", summary: "Wait until it serves or has failed; the default, but not with --json (--no-wait: do not)" },
    timeout: { kind: "number", value: "seconds", summary: `How long to wait; default: ${DEFAULT_TIMEOUT_SECONDS}`, min: 1, max: 3600 },
    inactive: flag("Deploy, but leave the version that serves now"),
  },
  examples: [
    ["whs deploy", "Deploy the agent in this folder"],
    ["whs deploy agents/support --agent support-staging", "Deploy a folder under another name"],
  ],
  async run(context, { args, options }) {
    const { output } = context;
    const project = readProject(args.folder ?? ".");
    const name = options.agent ?? project.manifest.name;
    if (name === undefined) throw new UsageError('The agent has no name: put "name" into agent.config.json, or say --agent <name>.');
    const wait = options.wait ?? !output.json;
    const timeoutMs = (options.timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
    const { agent, answer } = await runDeploy(context, project, name, {
      setAsActive: !options.inactive,
      waitMs: wait ? timeoutMs : null,
      again: ["whs deploy", args.folder, ...(options.agent === undefined ? [] : ["--agent", options.agent])]
        .filter((part) => part !== undefined)
        .join(" "),
    });
    const { deployment } = answer;
    if (deployment.status === "failed") {
      if (output.json) output.jsonLine(answer);
      throw await describeFailure(context.api, deployment, agent.name);
    }
    output.answer(answer, () => conclusion(agent.name, deployment, options.inactive));
    if (deployment.status === "active" && !options.inactive) output.next(`whs invoke ${agent.name} "Hello"`);
    if (deployment.status === "deploying") output.next(`whs deployments get ${deployment.id}`);
  },
});

function conclusion(name: string, { version, status, id }: Deployment, inactive: boolean): string {
  if (status === "deploying") return `Version ${version} of ${name} is on its way (${id}).`;
  if (inactive) return `Version ${version} of ${name} is ready, and serves when you say so: whs deployments activate ${name} ${version}`;
  return status === "active"
    ? `Version ${version} of ${name} serves now.`
    : `Version ${version} of ${name} is deployed, but another one serves.`;
}

interface DeployOptions {
  setAsActive: boolean;
  /** Null: do not wait. */
  waitMs: number | null;
  /** The command that was typed, for whoever has to type it again. */
  again: string;
}

type Answer = { deployment: Deployment; traceId: string };

async function runDeploy(
  { api, output }: Context,
  project: Project,
  name: string,
  { setAsActive, waitMs, again }: DeployOptions,
): Promise<{ agent: EnsuredAgent["agent"]; answer: Answer }> {
  let bundle: Bundle | undefined;
  let ensured: EnsuredAgent | undefined;
  let uploadId: string | undefined;
  let answer: Answer | undefined;
  const startedAt = performance.now();
  await runSteps(output, [
    {
      title: "Bundling",
      async run(report) {
        bundle = await buildProject(project, output.noteStyle.bold("x") !== "x");
        report.title(`Bundled ${plural(bundle.files.length, "file")}, ${bytes(bundle.archive.length)} compressed`);
      },
    },
    {
      title: `Looking for ${name}`,
      async run(report) {
        ensured = await ensureAgent(api, name, project.manifest);
        report.title(titleOf(ensured));
        await requireSecrets(api, ensured.agent, project.manifest, again);
      },
    },
    {
      title: "Uploading",
      async run(report) {
        const { archive } = present(bundle);
        uploadId = await uploadBundle(api, archive, (sent) => report.detail(`${bytes(sent)} of ${bytes(archive.length)}`));
        report.title(`Uploaded ${bytes(archive.length)}`);
      },
    },
    {
      title: "Deploying",
      async run(report) {
        const commitHash = await commitOf(project.folder);
        const body = {
          artifact: { type: "uploaded_bundle", uploadId: present(uploadId) } as const,
          setAsActive,
          ...(commitHash === undefined ? {} : { commitHash }),
        };
        answer = await api.call(createDeployment, { id: present(ensured).agent.id, body, idempotencyKey: randomUUID() });
        const { id, version } = answer.deployment;
        report.title(`Deploying version ${version}`);
        report.detail(answer.deployment.status);
        if (waitMs === null) return;
        answer = await waitForDeployment(api, id, waitMs);
        const { status } = answer.deployment;
        report.title(
          status === "failed" ? `Version ${version} failed` : `Deployed version ${version} in ${duration(performance.now() - startedAt)}`,
        );
      },
    },
  ]);
  return { agent: present(ensured).agent, answer: present(answer) };
}

function titleOf({ agent, created, declared }: EnsuredAgent): string {
  if (created) return `Created the agent ${agent.name} on ${agent.runtimeProvider}`;
  return declared.length === 0 ? `Found the agent ${agent.name}` : `Declared ${declared.join(", ")} for the agent ${agent.name}`;
}

/** Steps run in order: what an earlier one has made is there. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("A step of the deploy ran before the one it needs.");
  return value;
}
