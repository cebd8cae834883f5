import { EXIT, exitStatusOf, type ExitStatus, hasErrors } from "@whs/artifact/contract";
import type { Context } from "../context.ts";
import { examinePayload, type ExamineOptions, examineSecrets, examineStack } from "../examine.ts";
import { givenSecrets } from "../secrets.ts";

export interface StackOptions extends ExamineOptions {
  apiUrl?: string;
  strict: boolean;
  secretEnv?: string;
}

/** Both contracts, then whether required secrets have values. */
export async function check(context: Context, options: StackOptions): Promise<ExitStatus> {
  const { output } = context;
  const api = context.api(options.apiUrl);
  const { given } = await givenSecrets(context, options.secretEnv);
  const payload = await examinePayload(context, options);
  if (!payload.ok)
    return output.end({ command: "check", exitCode: exitStatusOf(payload.findings), findings: payload.findings, stack: null });
  const { stack, findings } = await examineStack(api, payload.examined, options.strict);
  const all = [...payload.examined.findings, ...findings];
  if (!hasErrors(all)) all.push(...(await examineSecrets(api, payload.examined, given)));
  const exitCode = exitStatusOf(all);
  for (const component of stack?.components ?? [])
    output.line(
      `${component.name}  ${component.version ?? "–"}  ${component.status}  ${output.paint("dim", component.capabilities.join(" "))}`,
    );
  if (exitCode === EXIT.done)
    output.line(
      stack === null
        ? `Nothing speaks against this artifact, but ${api.url} could not be observed.`
        : `${output.paint("green", "✓")} ${api.url} can take this artifact.`,
    );
  return output.end({ command: "check", exitCode, findings: all, stack });
}
