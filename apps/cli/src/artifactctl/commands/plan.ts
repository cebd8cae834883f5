import { EXIT, exitStatusOf, type ExitStatus, hasChanges, hasErrors, nodeFiles, writeAtomically } from "@whs/artifact/contract";
import path from "node:path";
import type { Context } from "../context.ts";
import { printPlan } from "../describe-plan.ts";
import { UsageError } from "../errors.ts";
import { type Examined, examinePayload, examineStack, makePlan } from "../examine.ts";
import { givenSecrets } from "../secrets.ts";
import type { StackOptions } from "./check.ts";

export interface PlanOptions extends StackOptions {
  out?: string;
  detailedExitcode: boolean;
}

/** Both contracts, and what a deploy would change. Changes nothing. */
export async function plan(context: Context, options: PlanOptions): Promise<ExitStatus> {
  const { output } = context;
  const api = context.api(options.apiUrl);
  const { given } = await givenSecrets(context, options.secretEnv);
  const payload = await examinePayload(context, options);
  if (!payload.ok) return output.end({ command: "plan", exitCode: exitStatusOf(payload.findings), findings: payload.findings, plan: null });
  const { examined } = payload;
  const out = options.out === undefined ? undefined : await requireOutside(path.resolve(context.cwd, options.out), examined);
  const seen = await examineStack(api, examined, options.strict);
  const findings = [...examined.findings, ...seen.findings];
  if (hasErrors(findings)) return output.end({ command: "plan", exitCode: exitStatusOf(findings), findings, plan: null });
  const made = await makePlan(context, api, { examined, stack: seen.stack, given });
  findings.push(...made.findings);
  if (!made.ok || hasErrors(findings)) return output.end({ command: "plan", exitCode: exitStatusOf(findings), findings, plan: null });
  printPlan(output, made.plan);
  if (out !== undefined) await writeAtomically(out, `${JSON.stringify(made.plan, null, 2)}\n`);
  const exitCode = options.detailedExitcode && hasChanges(made.plan.entries) ? EXIT.changes : EXIT.done;
  return output.end({ command: "plan", exitCode, findings, plan: made.plan });
}

/** `artifact_root` is never written to. @throws UsageError */
async function requireOutside(out: string, { manifest, folder }: Examined): Promise<string> {
  const parent = await nodeFiles.realPath(path.dirname(out));
  if (parent === null) throw new UsageError(`--out: there is no folder ${path.dirname(out)}.`);
  const target = path.join(parent, path.basename(out));
  for (const { artifact_root: root } of manifest.artifacts) {
    const real = await nodeFiles.realPath(path.resolve(folder, root));
    if (real !== null && !path.relative(real, target).startsWith(".."))
      throw new UsageError(`--out: ${out} lies in artifact_root ${root}, which is never written to.`);
  }
  return target;
}
