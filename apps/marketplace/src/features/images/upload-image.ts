import { fleetprompt } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import { createHash } from "node:crypto";
import type { Context } from "../../context.ts";
import { imageUrl } from "../listings/index.ts";
import { encodeImage } from "./encode.ts";
import { hasImage, insertImage, sumImages } from "./store.ts";

const quota = { images: 50, bytes: 50 * 1024 * 1024 };

/** Where a picture's bytes are. */
export function blobKey(sha256: string): string {
  return `images/${sha256}.webp`;
}

/** Keeps a picture for the publisher's listings; the same picture again is the same one. */
export async function uploadImage(context: Context, sent: Buffer): Promise<{ image: { url: string; sha256: string } }> {
  const { bytes, width, height } = await encodeImage(sent);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const image = { url: imageUrl(context.config, sha256), sha256 };
  // Bytes without a row are served to nobody; a row without bytes would be a broken picture.
  await context.blobs.write(blobKey(sha256), once(bytes), { maxBytes: fleetprompt.maxImageBytes * 2 });
  return context.write({ action: "listing.image_uploaded", target: sha256, metadata: { sizeBytes: bytes.length } }, async (transaction) => {
    const used = await sumImages(transaction, context.user.id);
    if (await hasImage(transaction, context.user.id, sha256)) return { image };
    if (used.count + 1 > quota.images || used.bytes + bytes.length > quota.bytes)
      throw conflict(`A publisher has at most ${quota.images} pictures of ${quota.bytes / 1024 / 1024} MiB together.`, {
        details: { hint: "Pictures that no listing shows any more are removed after a week." },
      });
    await insertImage(transaction, { userId: context.user.id, sha256, sizeBytes: bytes.length, width, height, at: context.now() });
    return { image };
  });
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
