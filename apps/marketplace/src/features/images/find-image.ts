import { notFound } from "@whs/platform/errors";
import type { Readable } from "node:stream";
import type { Dependencies } from "../../context.ts";
import { isKnown } from "./store.ts";
import { blobKey } from "./upload-image.ts";

/** The bytes of a picture that some publisher has. @throws AppError `NOT_FOUND` */
export async function findImage({ db, blobs }: Pick<Dependencies, "db" | "blobs">, sha256: string): Promise<Readable> {
  if (!(await isKnown(db, sha256))) throw notFound("Picture");
  return blobs.openRead(blobKey(sha256));
}
