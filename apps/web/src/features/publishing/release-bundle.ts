import type { Deployment } from "@whs/api";

/** The bytes that a deployment was made of; undefined where they came from nowhere that keeps them. */
export function bundleOf({ artifact }: Pick<Deployment, "artifact">): { sha256: string; sizeBytes: number } | undefined {
  const source = "checksum" in artifact.source ? artifact.source : artifact.resolved;
  return source === undefined ? undefined : { sha256: source.checksum.replace(/^sha256:/, ""), sizeBytes: source.sizeBytes };
}
