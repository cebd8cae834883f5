import { secretValueMaxBytes, setSecrets, type Agent, ApiError } from "@whs/api";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { command, optional } from "../../command.ts";
import type { Context } from "../../context.ts";
import { createLogView } from "../../dev/follow-logs.ts";
import { createSwap } from "../../dev/swap.ts";
import { exitCodes, UsageError, UserError } from "../../errors.ts";
import { explainError, formatExplanation } from "../../explain-error.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { duration } from "../../terminal/format.ts";

export const dev = command({
  path: ["dev"],
  group: "Build and deploy",
  summary: "Deploy an agent again whenever its sources change, and show its log, until Ctrl-C",
  args: { folder: optional("The agent's folder; default: here") },
  options: {
    agent: { kind: "text", value: "name|id", summary: 'Deploy to this agent; default: the name in agent.config.json with "-dev"' },
    envFile: { kind: "text", value: "file", summary: "Set the secrets that agent.config.json names from this file's KEY=value lines" },
  },
  examples: [
    ["whs dev", "Work on the agent in this folder"],
    ["whs dev --env-file .env", "The same, with secrets from a file that stays on this machine"],
  ],
  async run(context, { args, options }) {
    const folder = path.resolve(args.folder ?? ".");
    const { manifest } = readProject(folder);
    const agentName = options.agent ?? (manifest.name === undefined ? undefined : `${manifest.name}-dev`);
    if (agentName === undefined) throw new UsageError('The agent has no name: put "name" into agent.config.json, or say --agent <name>.');
    const { api, output } = context;
    const { watchFolder } = await import("../../dev/watch-folder.ts");
    const changes = await watchFolder(folder);
    const log = createLogView(api, output);
    const swap = createSwap({
      api,
      folder,
      agentName,
      color: output.noteStyle.bold("x") !== "x",
      prepare: (agent, project) => setSecretsFrom(context, options.envFile, agent, project),
    });
    const stop = interrupted();
    try {
      let isFirst = true;
      for (let changedAt: number | null = performance.now(); changedAt !== null; changedAt = await changes.nextChange(stop)) {
        const deploymentId = await attempt(context, agentName, changedAt, () => swap(({ inputs }) => changes.add(inputs)));
        if (deploymentId !== null) log.show(deploymentId);
        if (isFirst && deploymentId !== null) output.next(`whs invoke ${agentName} "Hello"`);
        isFirst &&= deploymentId === null;
      }
    } finally {
      await log.close();
      await changes.close();
    }
  },
});

/** Tells how it went. What the author can mend is no reason to stop. @returns the deployment that serves now, where it is another */
async function attempt(
  { output }: Context,
  agentName: string,
  changedAt: number,
  swap: () => ReturnType<ReturnType<typeof createSwap>>,
): Promise<string | null> {
  try {
    const deployment = await swap();
    if (deployment === null) return null;
    const { id, version } = deployment;
    const durationMs = Math.round(performance.now() - changedAt);
    if (output.json) output.jsonLine({ event: "deployed", deploymentId: id, version, durationMs });
    output.done(`Version ${version} of ${agentName} serves (${duration(durationMs)})`);
    return id;
  } catch (error) {
    if (!isMendable(error)) throw error;
    const explanation = explainError(error);
    if (output.json) output.jsonLine({ event: "failed", ...explanation.envelope });
    output.note(formatExplanation(explanation, output));
    output.note(output.noteStyle.dim("Waiting for a change …"));
    return null;
  }
}

/** By another text in a source, or by waiting; not by signing in or starting a server. */
function isMendable(error: unknown): boolean {
  if (error instanceof ApiError)
    return ["INVALID_REQUEST", "CONFLICT", "RATE_LIMITED", "UNAVAILABLE", "DEPLOYMENT_FAILED"].includes(error.code);
  return error instanceof UserError && error.exitCode === exitCodes.failed;
}

async function setSecretsFrom({ api, output }: Context, file: string | undefined, agent: Agent, { manifest }: Project): Promise<void> {
  if (file === undefined) return;
  const values = parseEnv(readEnvFile(file));
  const named = [...manifest.env.requiredKeys, ...manifest.env.optionalKeys];
  const secrets = Object.fromEntries(named.flatMap((key) => (values[key] ? [[key, values[key]]] : [])));
  const tooLong = Object.keys(secrets).find((key) => Buffer.byteLength(secrets[key] ?? "") > secretValueMaxBytes);
  if (tooLong !== undefined) throw new UserError(`The value of ${tooLong} in ${file} is longer than ${secretValueMaxBytes} bytes.`);
  if (Object.keys(secrets).length === 0) return;
  await api.call(setSecrets, { id: agent.id, body: { secrets } });
  output.done(`Set ${Object.keys(secrets).join(", ")} from ${file}`);
}

function readEnvFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}: ${cause instanceof Error ? cause.message : "unknown reason"}`);
  }
}

/** Aborts with the first Ctrl-C; the second one ends the process at once. */
function interrupted(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}
