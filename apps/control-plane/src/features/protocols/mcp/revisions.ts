import type { JsonRpcRequest } from "@whs/api";
import type { HttpRequest } from "@whs/platform/http";
import { z } from "zod";
import { rpcCodes, rpcFailure } from "../json-rpc.ts";

/** Each request says by itself which revision it is of. */
const modernRevision = "2026-07-28";
/** Those that begin with `initialize`, newest first. */
const sessionRevisions = ["2025-11-25", "2025-06-18"] as const;
export const revisions: readonly string[] = [modernRevision, ...sessionRevisions];

/** MCP 2026-07-28, "Error Codes". */
const headerMismatch = -32020;
const unsupportedRevision = -32022;

const revisionKey = "io.modelcontextprotocol/protocolVersion";
const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";
const meta = z.looseObject({ [revisionKey]: z.string(), [capabilitiesKey]: z.record(z.string(), z.unknown()) });

type Headers = HttpRequest["headers"];

/** What `initialize` agrees on: what the client asks for, or the newest there is of its kind. */
export function agreeOn(asked: unknown): string {
  return sessionRevisions.find((revision) => revision === asked) ?? sessionRevisions[0];
}

/**
 * Whether a request is of the revision without sessions, which is then checked against its headers.
 * @throws RpcFailure for headers that say something else than the body, and for revisions that nobody speaks here
 */
export function isModern(request: JsonRpcRequest, headers: Headers): boolean {
  const header = one(headers["mcp-protocol-version"]);
  const claimed = (request.params?.["_meta"] as Record<string, unknown> | undefined)?.[revisionKey];
  if (claimed === undefined && header !== modernRevision) {
    if (header !== undefined && !revisions.includes(header)) throw unsupported(header);
    return false;
  }
  const { success, data } = meta.safeParse(request.params?.["_meta"]);
  if (!success)
    throw rpcFailure({ code: rpcCodes.invalidParams, message: `params._meta must have ${revisionKey} and ${capabilitiesKey}.` }, 400);
  const revision = data[revisionKey];
  requireSame("MCP-Protocol-Version", header, revision);
  if (revision !== modernRevision) throw unsupported(revision);
  requireSame("Mcp-Method", one(headers["mcp-method"]), request.method);
  if (request.method === "tools/call") requireSame("Mcp-Name", decoded(one(headers["mcp-name"])), request.params?.["name"]);
  return true;
}

function unsupported(requested: string): Error {
  return rpcFailure(
    { code: unsupportedRevision, message: "Unsupported protocol version.", data: { supported: revisions, requested } },
    400,
  );
}

function requireSame(name: string, header: string | undefined, body: unknown): void {
  if (header !== undefined && header === body) return;
  const message = header === undefined ? `The header ${name} is missing.` : `The header ${name} is not what the body says.`;
  throw rpcFailure({ code: headerMismatch, message }, 400);
}

/** Of a header that came more than once, Node has made a text or a list. */
function one(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" ? header : undefined;
}

/** What no header can bear is sent as base64 of its UTF-8. */
function decoded(value: string | undefined): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value ?? "")?.[1];
  return encoded === undefined ? value : Buffer.from(encoded, "base64").toString("utf8");
}
