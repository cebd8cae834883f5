import { EXIT, exitStatusOf, type ExitStatus, syncIds as syncManifestIds, writeAtomically } from "@whs/artifact/contract";
import type { Context } from "../context.ts";

/** Writes the right ids into the manifest, and touches nothing else of it. With `check` it only says which are wrong. */
export async function syncIds(context: Context, options: { artifact: string; check: boolean }): Promise<ExitStatus> {
  const { output } = context;
  const read = await context.readManifest(options.artifact);
  const synced = read.ok ? syncManifestIds(read.bytes) : { ok: false as const, findings: [read.finding] };
  if (!read.ok || !synced.ok)
    return output.end({
      command: "manifest sync-ids",
      exitCode: exitStatusOf(synced.ok ? [] : synced.findings),
      findings: synced.ok ? [] : synced.findings,
      changed: [],
    });
  const { changed, text } = synced;
  if (options.check)
    return output.end({ command: "manifest sync-ids", exitCode: exitStatusOf(synced.findings), findings: synced.findings, changed });
  if (changed.length > 0) await writeAtomically(read.file, text);
  for (const { index, from, to } of changed) output.line(`artifacts[${index}].id  ${from ?? "–"} → ${to}`);
  if (changed.length === 0) output.line("All ids are right.");
  return output.end({ command: "manifest sync-ids", exitCode: EXIT.done, findings: [], changed });
}
