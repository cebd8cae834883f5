import type { Deployment } from "@whs/api";

/** The bytes that were deployed; of a repository only once it was fetched. */
export function bundleOf({ artifact }: Pick<Deployment, "artifact">): { checksum: string; sizeBytes: number } | null {
  if ("checksum" in artifact.source) return artifact.source;
  return artifact.resolved ?? null;
}
