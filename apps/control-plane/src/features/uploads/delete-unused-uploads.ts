import type { SystemContext } from "../../context.ts";
import { deleteUpload, listUnusedUploads } from "./store.ts";

export async function deleteUnusedUploads(context: SystemContext): Promise<void> {
  for (const upload of await listUnusedUploads(context.db, context.now())) {
    await context.blobs.delete(upload.blob_key);
    await deleteUpload(context.db, upload.id);
  }
}
