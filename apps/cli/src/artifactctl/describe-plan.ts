import type { Change, Plan, PlannedEntry } from "@whs/artifact/contract";
import type { Output } from "./output.ts";

/** One step, for people. */
export function describeChange(change: Change, { agent, digest }: PlannedEntry): string {
  switch (change.action) {
    case "create_agent":
      return `+ create the agent ${agent} on ${change.runtime}`;
    case "change_runtime":
      return `~ move ${agent} from ${change.from} to ${change.to}`;
    case "declare_keys":
      return `+ declare ${change.keys.join(", ")}`;
    case "set_secrets":
      return `+ set ${change.keys.join(", ")}`;
    case "deploy":
      return `+ deploy ${digest}`;
    case "await":
      return `~ wait for version ${change.version}, which is being deployed, and let it serve`;
    case "activate":
      return `~ let version ${change.version} serve again`;
  }
}

export function printPlan(output: Output, { entries, stateHash }: Plan): void {
  for (const entry of entries) {
    output.line(`${output.paint("bold", entry.id)}${entry.changes.length === 0 ? `  ${output.paint("dim", "no change")}` : ""}`);
    for (const change of entry.changes) output.line(`  ${describeChange(change, entry)}`);
  }
  const changing = entries.filter(({ changes }) => changes.length > 0).length;
  output.line(`${changing} of ${entries.length} to change; state ${output.paint("dim", stateHash)}`);
}
