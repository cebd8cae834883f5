import { createHash } from "node:crypto";
import type { PayloadFile } from "./schema.ts";

/** `sha256:…` over the lines `path NUL sha256 NUL size LF`, sorted by the path's UTF-8 bytes. */
export function payloadDigest(files: readonly PayloadFile[]): string {
  const sorted = files
    .map(({ path, sha256, size }) => ({ bytes: Buffer.from(path), line: `${path}\0${sha256}\0${size}\n` }))
    .toSorted((a, b) => Buffer.compare(a.bytes, b.bytes));
  const hash = createHash("sha256");
  for (const { line } of sorted) hash.update(line, "utf8");
  return `sha256:${hash.digest("hex")}`;
}
