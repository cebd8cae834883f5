import { exitStatusOf, type ExitStatus } from "@whs/artifact/contract";
import type { Context } from "../context.ts";
import { examinePayload, type ExamineOptions } from "../examine.ts";

/** The payload contract alone, without asking anybody. */
export async function validate(context: Context, options: ExamineOptions): Promise<ExitStatus> {
  const { output } = context;
  const payload = await examinePayload(context, options);
  const findings = payload.ok ? payload.examined.findings : payload.findings;
  const exitCode = exitStatusOf(findings);
  if (payload.ok) {
    for (const { id, payload: own } of payload.examined.manifest.artifacts)
      output.line(`${output.paint("green", "✓")} ${id}  ${own.digest}`);
  }
  const entries = payload.ok
    ? payload.examined.manifest.artifacts.map(({ id, agent, payload: { digest } }) => ({ id, agent, digest }))
    : [];
  return output.end({ command: "validate", exitCode, findings, entries });
}
