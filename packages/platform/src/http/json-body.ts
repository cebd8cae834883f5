import { invalidRequest } from "@whs/platform/errors";
import type { FastifyInstance } from "fastify";

/** `application/json` and nothing else, in UTF-8. An empty body is no body. */
export function parseJsonStrictly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    let value: unknown;
    try {
      value = parseJson(body);
    } catch (error) {
      done(error instanceof Error ? error : new Error("Cannot parse the body", { cause: error }));
      return;
    }
    done(null, value);
  });
}

/** For bytes that a signature was checked over first. @throws AppError `INVALID_REQUEST` */
export function parseJson(body: Buffer): unknown {
  const text = decodeUtf8(body);
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidRequest([{ fieldName: "", message: "body is not valid JSON" }], { cause });
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch (cause) {
    throw invalidRequest([{ fieldName: "", message: "body is not UTF-8" }], { cause });
  }
}
