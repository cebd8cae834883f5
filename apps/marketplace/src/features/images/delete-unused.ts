import type { Dependencies } from "../../context.ts";
import { deleteUnused } from "./store.ts";
import { blobKey } from "./upload-image.ts";

/** A publisher who writes a listing for longer uploads its pictures again. */
const keptMs = 7 * 86_400_000;

/** Removes pictures that no listing shows, so that they do not use up a quota for good. */
export async function deleteUnusedImages({ db, blobs, now }: Pick<Dependencies, "db" | "blobs" | "now">): Promise<void> {
  for (const sha256 of await deleteUnused(db, new Date(now().getTime() - keptMs))) await blobs.delete(blobKey(sha256));
}
