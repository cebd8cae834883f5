/** The built files, held in memory: they are few and small, and only what was built can be asked for. */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { encodingFor } from "./encoding.ts";

interface File {
  type: string;
  plain: Buffer<ArrayBuffer>;
  brotli?: Buffer<ArrayBuffer>;
  gzip?: Buffer<ArrayBuffer>;
  etag: string;
  cacheControl: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};
/** The name of such a file has a hash of its content. */
const HASHED = "/assets/";
/** Written by the build beside the file. */
const COMPRESSED_FORM = /\.(?:br|gz)$/;
const NEVER_CHANGES = "public, max-age=31536000, immutable";
const AN_HOUR = "public, max-age=3600";

export interface Files {
  has(pathname: string): boolean;
  /** @returns the answer for a path that names a file; undefined for every other */
  send(request: Request, pathname: string): Response | undefined;
}

export function loadFiles(directory: string): Files {
  const names = globSync("**/*", { cwd: directory }).filter(
    (name) => !COMPRESSED_FORM.test(name) && statSync(path.join(directory, name)).isFile(),
  );
  const files = new Map(names.map((name) => [`/${name.split(path.sep).join("/")}`, load(directory, name)]));
  return {
    has: (pathname) => files.has(pathname),
    send(request, pathname) {
      const file = files.get(pathname);
      return file === undefined || (request.method !== "GET" && request.method !== "HEAD") ? undefined : send(file, request);
    },
  };
}

function load(directory: string, name: string): File {
  const plain = readFileSync(path.join(directory, name));
  const extension = path.extname(name);
  return {
    type: TYPES[extension] ?? "application/octet-stream",
    plain,
    ...compressedForms(path.join(directory, name)),
    etag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`,
    cacheControl: `/${name}`.startsWith(HASHED) ? NEVER_CHANGES : AN_HOUR,
  };
}

function compressedForms(file: string): Pick<File, "brotli" | "gzip"> {
  return {
    ...(existsSync(`${file}.br`) ? { brotli: readFileSync(`${file}.br`) } : {}),
    ...(existsSync(`${file}.gz`) ? { gzip: readFileSync(`${file}.gz`) } : {}),
  };
}

function send(file: File, request: Request): Response {
  const wanted = encodingFor(request);
  const packed = wanted === "br" ? file.brotli : wanted === "gzip" ? file.gzip : undefined;
  const encoding = packed === undefined ? undefined : wanted;
  const body = packed ?? file.plain;
  const headers = {
    "content-type": file.type,
    "cache-control": file.cacheControl,
    etag: file.etag,
    vary: "accept-encoding",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
  };
  if (request.headers.get("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
  return new Response(request.method === "HEAD" ? null : body, { headers });
}
