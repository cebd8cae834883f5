import { createReadableStreamFromReadable } from "@react-router/node";
import { pipeline, Readable } from "node:stream";
import { constants, createBrotliCompress, createGzip } from "node:zlib";
import { bearsSession } from "../session/sessions.ts";
import { type Encoding, encodingFor } from "./encoding.ts";

/** Pages are made anew each time: more effort costs more than its few percent save. */
const BROTLI_QUALITY = 5;
const GZIP_LEVEL = 6;

/**
 * Compresses a page on its way, piece by piece, so that what is streamed arrives as early as before.
 *
 * Pages of people who are signed in stay as they are: they repeat what is in the URL beside what only this person may see,
 * and whoever chooses the one can read the other off the compressed size (BREACH). A visitor's page has nothing of that kind.
 */
export function compress(request: Request, response: Response): Response {
  const isPage = response.headers.get("content-type")?.startsWith("text/html") === true;
  if (!isPage || response.body === null || bearsSession(request) || response.headers.has("set-cookie")) return response;
  const headers = new Headers(response.headers);
  headers.append("vary", "accept-encoding");
  const encoding = encodingFor(request);
  if (encoding === undefined) return new Response(response.body, { status: response.status, headers });
  headers.set("content-encoding", encoding);
  headers.delete("content-length");
  return new Response(compressed(response.body, encoding), { status: response.status, headers });
}

function compressed(body: ReadableStream<Uint8Array>, encoding: Encoding): ReadableStream<Uint8Array> {
  const packer =
    encoding === "br"
      ? createBrotliCompress({
          flush: constants.BROTLI_OPERATION_FLUSH,
          params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY, [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT },
        })
      : createGzip({ level: GZIP_LEVEL, flush: constants.Z_SYNC_FLUSH });
  // An error on either side ends the other; whoever reads is the one to be told.
  pipeline(Readable.from(body), packer, () => undefined);
  return createReadableStreamFromReadable(packer);
}
