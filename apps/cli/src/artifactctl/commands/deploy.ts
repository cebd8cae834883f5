import { ApiError } from "@whs/api";
import {
  type AgentState,
  comparePlans,
  EXIT,
  exitStatusOf,
  type ExitStatus,
  finding,
  type Finding,
  hasErrors,
  nodeFiles,
  type Plan,
  readPlan,
} from "@whs/artifact/contract";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Api } from "../api.ts";
import { type Applied, applyEntry, EntryFailed } from "../apply-entry.ts";
import type { Context } from "../context.ts";
import { describeChange, printPlan } from "../describe-plan.ts";
import { UsageError } from "../errors.ts";
import { type Examined, examinePayload, examineStack, makePlan } from "../examine.ts";
import { requestFailed } from "../observe.ts";
import { givenSecrets } from "../secrets.ts";
import type { StackOptions } from "./check.ts";

const DEFAULT_TIMEOUT_SECONDS = 600;

export interface DeployOptions extends StackOptions {
  plan?: string;
  /** Seconds. */
  timeout?: number;
}

type Result = { id: string; agent: string } & (
  | ({ status: "applied" | "unchanged" } & Partial<Applied>)
  | { status: "failed" | "not_applied" }
);

/** Check, plan, apply, in this order and in the order of the entries. Goes on where an earlier run stopped. */
export async function deploy(context: Context, options: DeployOptions): Promise<ExitStatus> {
  const { output } = context;
  const api = context.api(options.apiUrl);
  const { given, secret } = await givenSecrets(context, options.secretEnv);
  const made = options.plan === undefined ? undefined : await readPlanFile(context, options.plan);
  const payload = await examinePayload(context, options);
  const refuse = (findings: Finding[]) =>
    output.end({ command: "deploy", exitCode: exitStatusOf(findings), findings, plan: null, results: [] });
  if (!payload.ok) return refuse(payload.findings);
  const { examined } = payload;
  const seen = await examineStack(api, examined, options.strict);
  const findings = [...examined.findings, ...seen.findings];
  if (hasErrors(findings)) return refuse(findings);
  const now = await makePlan(context, api, { examined, stack: seen.stack, given });
  findings.push(...now.findings);
  if (!now.ok) return refuse(findings);
  if (made === null) findings.push(finding("APPLY_PLAN_INVALID", { path: "", message: `${options.plan ?? ""} holds no plan.` }));
  const moved = made === null || made === undefined ? null : comparePlans(made, now.plan);
  if (moved !== null) findings.push(moved);
  if (hasErrors(findings)) return refuse(findings);
  printPlan(output, now.plan);
  const timeoutMs = (options.timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
  const { results, failure } = await apply(context, api, { examined, plan: now.plan, states: now.states, secret, timeoutMs });
  if (failure !== null) findings.push(failure);
  for (const result of results) output.line(describeResult(result));
  const exitCode = failure === null ? EXIT.done : exitStatusOf([failure]);
  return output.end({ command: "deploy", exitCode, findings, plan: now.plan, results });
}

/** Null for a file that is no plan. @throws UsageError when there is none. */
async function readPlanFile({ cwd }: Context, name: string): Promise<Plan | null> {
  const file = await nodeFiles.realPath(path.resolve(cwd, name));
  if (file === null || (await nodeFiles.stat(file))?.kind !== "file") throw new UsageError(`--plan: there is no file ${name}.`);
  return readPlan(await readFile(file, "utf8"));
}

interface Ready {
  examined: Examined;
  plan: Plan;
  states: ReadonlyMap<string, AgentState>;
  secret: (name: string) => string;
  timeoutMs: number;
}

async function apply(
  context: Context,
  api: Api,
  { examined, plan, states, secret, timeoutMs }: Ready,
): Promise<{ results: Result[]; failure: Finding | null }> {
  const { output } = context;
  const results: Result[] = [];
  let failure: Finding | null = null;
  for (const [index, planned] of plan.entries.entries()) {
    const { id, agent, changes } = planned;
    const entry = examined.manifest.artifacts[index];
    const own = examined.agents[index];
    if (entry === undefined || own === undefined) throw new Error("The plan has more entries than the artifact.");
    const place = `${index + 1} of ${plan.entries.length}: ${agent}`;
    const state = states.get(agent);
    if (failure !== null) results.push({ id, agent, status: "not_applied" });
    else if (changes.length === 0) {
      output.progress(`${place} is up to date`);
      results.push({
        id,
        agent,
        status: "unchanged",
        agentId: state?.id ?? "",
        deploymentId: state?.deployment?.id ?? null,
        version: state?.deployment?.version ?? null,
      });
    } else {
      const envVarKeys = [...new Set([...own.env.requiredKeys, ...own.env.optionalKeys, ...(entry.required_secret_env ?? [])])];
      const onStep = (change: (typeof changes)[number]): void => output.progress(`${place}: ${describeChange(change, planned).slice(2)}`);
      try {
        const work = {
          api,
          entry,
          planned,
          state,
          envVarKeys,
          secret,
          path: `artifacts[${index}]`,
          folder: examined.folder,
          timeoutMs,
          onStep,
        };
        results.push({ id, agent, status: "applied", ...(await applyEntry(work)) });
      } catch (error) {
        failure = failureOf(error, `artifacts[${index}]`);
        results.push({ id, agent, status: "failed" });
      }
    }
  }
  return { results, failure };
}

function failureOf(error: unknown, at: string): Finding {
  if (error instanceof EntryFailed) return error.finding;
  if (error instanceof ApiError) return requestFailed(error, at);
  throw error;
}

function describeResult(result: Result): string {
  const { id, status } = result;
  if (status === "applied") {
    const later = result.redeployRequired === true ? "; its new secrets take effect with the next deployment" : "";
    return `✓ ${id}  version ${result.version ?? "?"} serves${later}`;
  }
  if (status === "unchanged") return `· ${id}  unchanged`;
  return status === "failed" ? `✗ ${id}  failed` : `· ${id}  not applied`;
}
