import type { Deployment } from "@whs/api";
import { colorStatus } from "../agents/describe-agent.ts";
import { bytes, time } from "../terminal/format.ts";
import { printable, printableLine, type Style } from "../terminal/style.ts";
import { pairs } from "../terminal/table.ts";

export function describeDeployment(deployment: Deployment, style: Style): string {
  const { source } = deployment.artifact;
  return pairs(
    [
      ["id", deployment.id],
      ["agent", deployment.agentId],
      ["version", style.bold(`v${deployment.version}`)],
      ["status", colorStatus(deployment.status, style)],
      ...(deployment.errorMessage === null ? [] : [["error", style.red(printable(deployment.errorMessage))] as const]),
      ["runtime", deployment.runtimeProvider],
      ["resource", printableLine(resourceOf(deployment))],
      ...("uploadId" in source
        ? ([["bundle", `${bytes(source.sizeBytes)}, ${source.checksum}`]] as const)
        : ([["source", printableLine(`${source.githubUrl} at ${source.ref}`)]] as const)),
      ["commit", deployment.commitHash ?? "–"],
      ["created", time(deployment.createdAt)],
      ["finished", time(deployment.finishedAt)],
      ["by", deployment.deployedBy],
    ],
    style,
  );
}

function resourceOf({ providerRef }: Deployment): string {
  return providerRef.cloudflare?.workerName ?? providerRef.agentcore?.agentRuntimeArn ?? "–";
}
