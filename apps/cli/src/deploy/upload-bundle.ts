import { createUpload } from "@whs/api";
import { createHash, randomUUID } from "node:crypto";
import type { Api } from "../api.ts";

const CHUNK_BYTES = 64 * 1024;
/** Below this a bundle is sent in one piece: there is no progress to show, and the server sees its size in advance. */
const STREAMED_FROM_BYTES = 1024 * 1024;

/** @returns the upload's id */
export async function uploadBundle(api: Api, archive: Uint8Array, onProgress: (sentBytes: number) => void): Promise<string> {
  const data = new Uint8Array(archive);
  const digest = createHash("sha256").update(data).digest("base64");
  const { upload } = await api.call(createUpload, {
    bytes: {
      contentType: "application/gzip",
      data: data.length < STREAMED_FROM_BYTES ? data : inChunks(data, onProgress),
      digest: `sha-256=:${digest}:`,
    },
    // A stream can be read once only, so it is not sent again.
    ...(data.length < STREAMED_FROM_BYTES ? { idempotencyKey: randomUUID() } : {}),
  });
  return upload.id;
}

function inChunks(data: Uint8Array, onProgress: (sentBytes: number) => void): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= data.length) {
        controller.close();
        return;
      }
      const chunk = data.subarray(sent, sent + CHUNK_BYTES);
      sent += chunk.length;
      controller.enqueue(chunk);
      onProgress(sent);
    },
  });
}
