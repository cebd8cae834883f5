import { BlobStoreError, type WrittenBlob } from "@whs/platform/blobs";
import { formatBytes } from "@whs/artifact";
import { AppError } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { SystemContext } from "../../../context.ts";
import { insertUpload } from "../../uploads/index.ts";
import { checkBundle } from "../check-bundle.ts";
import { checkManifest } from "../check-manifest.ts";
import { type DeploymentRow, lockDeployment, setResolved } from "../store.ts";
import { fetchArchive, type RepositoryRef } from "./fetch-archive.ts";
import { readCommit } from "./read-commit.ts";

const fullCommit = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;

/**
 * Fetches the repository of a deployment, keeps its bytes, checks them like an uploaded bundle, and fixes commit and
 * manifest in the deployment. A deployment that has them already keeps them, so that every attempt runs the same.
 * @throws AppError with what the author has to change, or what stood in the way.
 */
export async function resolveRepository(context: SystemContext, deployment: DeploymentRow, signal: AbortSignal): Promise<DeploymentRow> {
  if (deployment.artifact.resolved !== undefined) return deployment;
  const source = sourceOf(deployment);
  const uploadId = newId("upl");
  const blobKey = `uploads/${uploadId}`;
  let isKept = false;
  try {
    const { sha256, sizeBytes } = await store(context, source, blobKey, signal);
    const commit = requireCommit(await readCommit(await context.blobs.openRead(blobKey)), source, deployment.commit_hash);
    const manifest = await checkBundle(context.blobs, blobKey, { wrappingFolder: wrappingFolderOf(source) });
    await checkManifest(context.db, { id: deployment.agent_id, runtime_provider: deployment.runtime_provider }, manifest);
    const event = { action: "deployment.resolved", target: deployment.id, metadata: { agentId: deployment.agent_id, commit } };
    return await context.writeFor(deployment.user_id)(event, async (transaction) => {
      const current = await lockDeployment(transaction, deployment.agent_id, deployment.id);
      if (current?.status !== "deploying" || current.artifact.resolved !== undefined) return current ?? deployment;
      const { user_id: userId } = deployment;
      // Expired from the first moment: it stays because a deployment refers to it, and no other one can be made from it.
      await insertUpload(transaction, {
        id: uploadId,
        userId,
        sha256,
        sizeBytes,
        contentType: "application/gzip",
        blobKey,
        expiresAt: context.now(),
      });
      isKept = true;
      return setResolved(transaction, deployment.id, { commit, uploadId, checksum: `sha256:${sha256}`, sizeBytes }, manifest);
    });
  } catch (error) {
    isKept = false;
    throw error;
  } finally {
    if (!isKept) await context.blobs.delete(blobKey);
  }
}

/** The folder that a git host packs a repository in: its name in the host's own spelling, and the ref. */
export function wrappingFolderOf({ repository }: Pick<RepositoryRef, "repository">): RegExp {
  return new RegExp(`^${RegExp.escape(repository)}-.+$`, "iu");
}

/** @throws Error when the deployment is no `repo_ref`. */
export function sourceOf({ artifact }: Pick<DeploymentRow, "artifact">): RepositoryRef {
  const { source } = artifact;
  if (!("githubUrl" in source)) throw new Error("The deployment is not made from a repository");
  const [, owner = "", repository = ""] = new URL(source.githubUrl).pathname.split("/");
  return { owner, repository: repository.replace(/\.git$/, ""), ref: source.ref };
}

async function store(context: SystemContext, source: RepositoryRef, blobKey: string, signal: AbortSignal): Promise<WrittenBlob> {
  const { githubArchive: host, maxUploadBytes: maxBytes } = context.config;
  try {
    return await fetchArchive(source, { host, signal }, (bytes) => context.blobs.write(blobKey, bytes, { maxBytes }));
  } catch (error) {
    if (error instanceof BlobStoreError && error.code === "too_large")
      throw failed(
        `The archive of ${source.owner}/${source.repository} has more than ${formatBytes(maxBytes)}, which is the limit.`,
        error,
      );
    // The store reports that its source failed; why is what the source said.
    if (error instanceof BlobStoreError && error.code === "source_failed" && error.cause instanceof Error) throw error.cause;
    throw error;
  }
}

/** A ref that is a commit must be that commit, and so must a commit that the author named beside the ref. */
function requireCommit(commit: string | undefined, source: RepositoryRef, named: string | null): string {
  if (commit === undefined) throw failed("The archive does not say of which commit it is, so that it cannot be told later what ran.");
  if (fullCommit.test(source.ref) && source.ref.toLowerCase() !== commit)
    throw failed(`The archive is of commit ${commit}, not of ${source.ref}.`);
  if (named !== null && !commit.startsWith(named.toLowerCase()))
    throw failed(`"${source.ref}" is at commit ${commit}, not at ${named} as commitHash says.`);
  return commit;
}

function failed(message: string, cause?: unknown): AppError {
  return new AppError("DEPLOYMENT_FAILED", message, { retryable: false, ...(cause === undefined ? {} : { cause }) });
}
