import { invalidRequest } from "@whs/platform/errors";
import type { Config } from "../../config.ts";

/** Where a picture is served. */
export function imageUrl({ publicUrl = "" }: Pick<Config, "publicUrl">, sha256: string): string {
  return `${publicUrl}/images/${sha256}.webp`;
}

/**
 * The content that each picture's address names, as the upload answered it: with this service's address or without.
 * Pictures of other places are refused: they could change, spy on who looks, and be of any size.
 * @throws AppError
 */
export function contentOf({ publicUrl }: Pick<Config, "publicUrl">, url: string, index: number): string {
  const path = publicUrl !== undefined && url.startsWith(`${publicUrl}/`) ? url.slice(publicUrl.length) : url;
  const sha256 = /^\/images\/([0-9a-f]{64})\.webp$/.exec(path)?.[1];
  if (sha256 === undefined) throw unknownImage(index);
  return sha256;
}

export function unknownImage(index: number) {
  return invalidRequest([
    { fieldName: `images.${index}.url`, message: "is not a picture that you uploaded here; see POST /v1/publisher/images" },
  ]);
}
