import type { ReadOptions } from "@whs/artifact";
import type { Context } from "../../context.ts";
import { sourceOf, wrappingFolderOf } from "./repository/resolve-repository.ts";
import { type DeploymentRow, findUploadOfDeployment } from "./store.ts";

/** The stored bytes of a deployment, and how they are to be read. */
export interface StoredBundle {
  uploadId: string;
  blobKey: string;
  /** `sha256:…` */
  checksum: string;
  readOptions: ReadOptions;
}

/** "never" for a repository that was not fetched, "gone" for bytes that are not kept any more. */
export async function findStoredBundle(
  db: Context["db"],
  { artifact }: Pick<DeploymentRow, "artifact">,
): Promise<StoredBundle | "never" | "gone"> {
  const stored = "uploadId" in artifact.source ? artifact.source : artifact.resolved;
  if (stored === undefined) return "never";
  const upload = await findUploadOfDeployment(db, stored.uploadId);
  if (upload === undefined) return "gone";
  const readOptions: ReadOptions = artifact.type === "repo_ref" ? { wrappingFolder: wrappingFolderOf(sourceOf({ artifact })) } : {};
  return { uploadId: stored.uploadId, blobKey: upload.blob_key, checksum: stored.checksum, readOptions };
}
