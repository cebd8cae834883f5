import type { z } from "zod";
import type { ErrorCode } from "./errors.ts";
import type { FleetPromptErrorCode } from "./fleetprompt/errors.ts";
import type { Protocol } from "./protocols.ts";
import type { Scope } from "./schemas/token.ts";

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

/**
 * Who may call: a signed-in user (JWT, or an API token that bears the scope), the installation's operator (by a token of
 * its own, which is nobody's), a signed server, or anyone.
 */
export type Access =
  | { kind: "user"; scope: Scope | null; role?: "publisher" | "admin" }
  | { kind: "operator" }
  | { kind: "signature"; headers: readonly string[]; optionalHeaders?: readonly string[] }
  | { kind: "public" };

export type RequestBody =
  | { kind: "json"; schema: z.ZodType; maxBytes?: number }
  /** Bytes that the handler reads as a stream. `maxBytes` is a default that a deployment may configure. */
  | { kind: "stream"; contentTypes: readonly string[]; maxBytes: number }
  /** Bytes that the handler gets whole and unparsed: what a signature covers. */
  | { kind: "raw"; contentTypes: readonly string[]; maxBytes: number; schema: z.ZodType };

export type Answer =
  | { kind: "json"; status: 200 | 201 | 202; schema: z.ZodObject; headers?: readonly string[] }
  | { kind: "empty"; status: 204; headers?: readonly string[] }
  /** Server-sent events, each with the JSON schema of its `data`. */
  | { kind: "events"; status: 200; events: Readonly<Record<string, z.ZodType>> };

/** One HTTP endpoint as a value: the server's binding, OpenAPI, the client, the CLI and the docs derive from it. */
export interface Endpoint {
  /** `noun.verb`, unique: OpenAPI's operationId and the client's method. */
  name: string;
  method: Method;
  /** Path with `{parameter}` places. */
  path: `/${string}`;
  summary: string;
  description?: string;
  access: Access;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: RequestBody;
  answer: Answer;
  /** Another form of the answer, chosen by a parameter of the query or the body. */
  alternative?: Answer;
  /** Codes beyond those that every endpoint may answer. */
  errors: readonly (ErrorCode | FleetPromptErrorCode)[];
  /** The open protocol that the endpoint speaks; without it, the API's own. */
  protocol?: Protocol;
  /** Accepts `Idempotency-Key`, or takes no request without one. */
  idempotent?: boolean | "required";
  /** Anybody may keep the answer for so many seconds; it has an ETag. */
  cacheSeconds?: number;
}

export function endpoint<const E extends Endpoint & { errors: readonly ErrorCode[] }>(definition: E): E {
  return definition;
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : Record<string, never>;
type Sent<S> = S extends z.ZodType ? z.input<S> : Record<string, never>;

export type ParamsOf<E extends Endpoint> = Parsed<E["params"]>;
export type QueryOf<E extends Endpoint> = Parsed<E["query"]>;
export type BodyOf<E extends Endpoint> = E["body"] extends { kind: "json"; schema: infer S } ? Parsed<S> : undefined;
/** What a handler answers with; nothing where the answer has no JSON body. */
export type AnswerOf<E extends Endpoint> = E["answer"] extends { kind: "json"; schema: infer S } ? Sent<S> : void;

/** What a client gets: the declared answer and the trace id that every JSON answer bears. */
export type ReceivedOf<E extends Endpoint> = E["answer"] extends { kind: "json"; schema: infer S }
  ? Parsed<S> & { traceId: string }
  : undefined;
export type SentParamsOf<E extends Endpoint> = Sent<E["params"]>;
export type SentQueryOf<E extends Endpoint> = Sent<E["query"]>;
export type SentBodyOf<E extends Endpoint> = E["body"] extends { kind: "json"; schema: infer S } ? Sent<S> : undefined;
