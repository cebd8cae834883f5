import sharp from "sharp";
import { unsupported } from "../../errors.ts";

/** The beginnings of the formats that are taken; what a request calls its body counts for nothing. */
const signatures: readonly { format: string; matches: (bytes: Buffer) => boolean }[] = [
  { format: "png", matches: (bytes) => bytes.subarray(0, 8).equals(Buffer.from("89504e470d0a1a0a", "hex")) },
  { format: "jpeg", matches: (bytes) => bytes.subarray(0, 3).equals(Buffer.from("ffd8ff", "hex")) },
  { format: "gif", matches: (bytes) => ["GIF87a", "GIF89a"].includes(bytes.toString("latin1", 0, 6)) },
  { format: "webp", matches: (bytes) => bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WEBP" },
];

/** A picture of two kilobytes may claim any size; more pixels than these are never unpacked. */
const maxPixels = 24_000_000;
/** Longest side of what is served. */
const maxSide = 1_600;
const quality = 82;
const timeoutSeconds = 10;

// Decoders of other formats are not there to be reached, whatever a file says it is.
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({
  operation: ["VipsForeignLoadPngBuffer", "VipsForeignLoadJpegBuffer", "VipsForeignLoadNsgifBuffer", "VipsForeignLoadWebpBuffer"],
});
sharp.cache(false);
sharp.concurrency(1);

export interface EncodedImage {
  bytes: Buffer;
  width: number;
  height: number;
}

/**
 * Decodes a picture and encodes it anew as WebP: one frame, upright, without metadata.
 * @throws AppError `UNSUPPORTED` for what is no whole picture of the formats that are taken
 */
export async function encodeImage(sent: Buffer): Promise<EncodedImage> {
  if (!signatures.some(({ matches }) => matches(sent))) throw unsupported("body", "is not a PNG, JPEG, WebP or GIF picture", 415);
  try {
    const { data, info } = await sharp(sent, { limitInputPixels: maxPixels, failOn: "error", pages: 1 })
      .rotate()
      .resize({ width: maxSide, height: maxSide, fit: "inside", withoutEnlargement: true })
      .webp({ quality })
      .timeout({ seconds: timeoutSeconds })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (cause) {
    throw unsupported("body", `is not a whole picture of at most ${maxPixels / 1_000_000} megapixels`, 415, cause);
  }
}
