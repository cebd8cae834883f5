import { gzipSync } from "node:zlib";
import type { StoredModule } from "../scripts/script.ts";
import { ApiFailure, refused } from "./envelope.ts";
import { type Metadata, metadataSchema } from "./metadata.ts";

export interface Upload {
  metadata: Metadata;
  modules: Record<string, StoredModule>;
}

/** Of a paid account. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_GZIPPED_BYTES = 10 * 1024 * 1024;

/** @throws ApiFailure with what Cloudflare says to such a body. */
export async function readUpload(contentType: string, body: Buffer): Promise<Upload> {
  if (!contentType.startsWith("multipart/form-data"))
    throw new ApiFailure(415, 10001, `Content-Type must be one of: application/javascript, multipart/form-data; it is ${contentType}.`);
  const form = await parseForm(contentType, body);
  const metadata = await readMetadata(form.get("metadata"));
  const modules: Record<string, StoredModule> = {};
  const bytes: Buffer[] = [];
  for (const [name, part] of form) {
    if (name === "metadata") continue;
    if (typeof part === "string" || part.name !== name) throw refused(`The part ${name} must be a file whose name is the part's own.`);
    if (name in modules) throw refused(`There are two modules named ${name}.`);
    const content = Buffer.from(await part.arrayBuffer());
    bytes.push(content);
    modules[name] = storedModule(name, part.type, content);
  }
  requireSize(bytes);
  const main = modules[metadata.main_module];
  if (main === undefined) throw refused(`No such module "${metadata.main_module}": the upload lacks its main module.`);
  if (!("js" in main)) throw refused(`The main module ${metadata.main_module} is not an ES module.`);
  return { metadata, modules };
}

async function parseForm(contentType: string, body: Buffer): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData();
  } catch (error) {
    if (error instanceof TypeError) throw refused("The multipart body cannot be read.");
    throw error;
  }
}

async function readMetadata(part: ReturnType<FormData["get"]>): Promise<Metadata> {
  if (part === null) throw refused("could not read content for part metadata");
  const text = typeof part === "string" ? part : await part.text();
  const parsed = metadataSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refused(
    `metadata${issue === undefined || issue.path.length === 0 ? "" : `.${issue.path.join(".")}`}: ${issue?.message ?? "is wrong"}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw refused("could not parse the metadata part as JSON");
    throw error;
  }
}

function storedModule(name: string, type: string, content: Buffer): StoredModule {
  switch (type) {
    case "application/javascript+module":
    case "text/javascript+module":
      return { js: content.toString("utf8") };
    case "text/plain":
      return { text: content.toString("utf8") };
    case "application/octet-stream":
      return { data: content.toString("base64") };
    case "application/wasm":
      return { wasm: content.toString("base64") };
    default:
      throw refused(`The module ${name} has the Content-Type ${type === "" ? "of nothing" : type}, which is none of a module.`);
  }
}

function requireSize(parts: readonly Buffer[]): void {
  const all = Buffer.concat(parts);
  if (all.length > MAX_BYTES) throw new ApiFailure(413, 10027, "Your Worker exceeded the size limit of 64 MiB.");
  // What does not compress at all is the largest that it can be.
  if (all.length > MAX_GZIPPED_BYTES && gzipSync(all, { level: 1 }).length > MAX_GZIPPED_BYTES)
    throw new ApiFailure(413, 10027, "Your Worker exceeded the size limit of 10 MiB after compression.");
}
