import { stringify } from "yaml";
import type { ArtifactManifest } from "./schema.ts";

/** `artifact.yml` of a manifest: the same manifest gives the same bytes. */
export function formatArtifact(manifest: ArtifactManifest): string {
  return stringify(manifest, { version: "1.2", schema: "core", lineWidth: 0, aliasDuplicateObjects: false });
}
