import type { Endpoint, ReceivedOf, SentBodyOf, SentParamsOf, SentQueryOf } from "./endpoint.ts";
import { whsEndpoints } from "./endpoints/index.ts";
import type { ErrorBody, ErrorCode, FieldError } from "./errors.ts";
import type { FleetPromptErrorBody, FleetPromptErrorCode } from "./fleetprompt/errors.ts";
import { readServerSentEvents } from "./sse.ts";

type AnyCode = ErrorCode | FleetPromptErrorCode | "UNREACHABLE";

/** An answer of the API that is not 2xx. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: AnyCode;
  readonly details: Record<string, unknown>;
  readonly retryable: boolean;
  readonly traceId: string | null;
  /** What `Retry-After` says, where it counts seconds. */
  readonly retryAfterSeconds: number | null;
  constructor(
    status: number,
    code: AnyCode,
    message: string,
    rest: {
      details?: Record<string, unknown>;
      retryable?: boolean;
      traceId?: string | null;
      retryAfterSeconds?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: rest.cause });
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.details = rest.details ?? {};
    this.retryable = rest.retryable ?? false;
    this.traceId = rest.traceId ?? null;
    this.retryAfterSeconds = rest.retryAfterSeconds ?? null;
  }
}

export interface ClientOptions {
  /** Such as `http://127.0.0.1:8787`. */
  baseUrl: string;
  /** API token or JWT; a function is asked before every request. */
  token?: string | (() => string | Promise<string>);
  fetch?: typeof fetch;
}

type Present<T> = T extends Record<string, never> | undefined ? unknown : T;
type Optional<T> = Partial<T> extends T ? { [K in keyof T]?: T[K] } : T;

/** What a call takes: path and query parameters by name, and the body's fields under `body`. */
export type CallInput<E extends Endpoint> = Present<SentParamsOf<E>> &
  Optional<Present<SentQueryOf<E>>> &
  (SentBodyOf<E> extends undefined ? unknown : { body: SentBodyOf<E> }) & {
    idempotencyKey?: string;
    traceId?: string;
    /** For streams: the event after which to go on. */
    lastEventId?: string;
    signal?: AbortSignal;
    /** For endpoints that take bytes. */
    bytes?: { contentType: string; data: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>; digest?: string };
  };

export interface StreamedEvent {
  event: string;
  id: string | null;
  data: unknown;
}

/** A client of WHS, or of FleetPrompt with its address, whose calls are derived from the endpoint values. */
export class WhsClient {
  readonly endpoints = whsEndpoints;
  readonly #options: ClientOptions;
  constructor(options: ClientOptions) {
    this.#options = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, "") };
  }

  /** @throws ApiError for every answer that is not 2xx, and when the service cannot be reached. */
  async call<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<ReceivedOf<E>> {
    return (await this.exchange(endpoint, input)).answer;
  }

  /** Like `call`, for callers that need the answer's headers too. */
  async exchange<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<{ answer: ReceivedOf<E>; headers: Headers }> {
    const response = await this.#send(endpoint, input);
    const { headers } = response;
    if (response.status === 204) return { answer: undefined as ReceivedOf<E>, headers };
    const text = await readText(response, input.signal);
    try {
      return { answer: JSON.parse(text) as ReceivedOf<E>, headers };
    } catch (cause) {
      throw notOfThisApi(response, cause);
    }
  }

  /** Calls an endpoint that answers with server-sent events. @throws ApiError also when the connection ends before the stream does */
  async *stream<E extends Endpoint>(endpoint: E, input: CallInput<E>): AsyncGenerator<StreamedEvent> {
    const response = await this.#send(endpoint, input);
    if (response.body === null) return;
    try {
      for await (const { event, id, data } of readServerSentEvents(response.body)) yield { event, id, data: JSON.parse(data) as unknown };
    } catch (cause) {
      if (input.signal?.aborted) throw cause;
      throw brokenOff("The stream broke off", response, cause);
    }
  }

  async #send<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<Response> {
    const { token, fetch: send = fetch } = this.#options;
    const { url, rest } = placeParameters(endpoint, input);
    const headers = new Headers({ accept: "application/json, text/event-stream" });
    const bearer = typeof token === "function" ? await token() : token;
    if (bearer !== undefined) headers.set("authorization", `Bearer ${requireToken(bearer)}`);
    if (typeof rest["idempotencyKey"] === "string") headers.set("idempotency-key", rest["idempotencyKey"]);
    if (typeof rest["traceId"] === "string") headers.set("x-trace-id", rest["traceId"]);
    if (typeof rest["lastEventId"] === "string") headers.set("last-event-id", rest["lastEventId"]);
    const init: RequestInit & { duplex?: "half" } = { method: endpoint.method, headers };
    if (input.signal) init.signal = input.signal;
    if (input.bytes) {
      headers.set("content-type", input.bytes.contentType);
      if (input.bytes.digest !== undefined) headers.set("content-digest", input.bytes.digest);
      init.body = input.bytes.data;
      init.duplex = "half";
    } else if (endpoint.body) {
      headers.set("content-type", "application/json");
      init.body = JSON.stringify(rest["body"] ?? {});
    }
    let response: Response;
    try {
      response = await send(this.#options.baseUrl + url, init);
    } catch (cause) {
      if (input.signal?.aborted) throw cause;
      throw new ApiError(0, "UNREACHABLE", `Cannot reach ${this.#options.baseUrl}`, { retryable: true, cause });
    }
    if (!response.ok) throw await readError(response, input.signal);
    return response;
  }
}

function placeParameters(endpoint: Endpoint, input: Record<string, unknown>): { url: string; rest: Record<string, unknown> } {
  const rest = { ...input };
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = rest[name];
    delete rest[name];
    return encodeSegment(name, value);
  });
  const query = new URLSearchParams();
  for (const name of Object.keys(endpoint.query?.shape ?? {})) {
    const value = rest[name];
    // Query schemas hold nothing but texts, numbers and booleans.
    if (value !== undefined) query.set(name, `${value as string | number | boolean}`);
    delete rest[name];
  }
  const search = query.toString();
  return { url: search === "" ? path : `${path}?${search}`, rest };
}

/** A URL cannot hold an empty segment, `.` or `..` without meaning another path, however they are encoded. */
function encodeSegment(name: string, value: unknown): string {
  if (typeof value !== "string" || value === "" || value === "." || value === "..") {
    const fields: FieldError[] = [{ fieldName: name, message: "is not possible in a path" }];
    throw new ApiError(0, "INVALID_REQUEST", `${name}: is not possible in a path.`, { details: { fields } });
  }
  return encodeURIComponent(value);
}

/** What HTTP refuses in a header is refused here without being shown. */
function requireToken(token: string): string {
  const trimmed = token.trim();
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new ApiError(0, "UNAUTHENTICATED", "The token is empty or has characters that no token has.");
}

async function readText(response: Response, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw brokenOff("The answer broke off", response, cause);
  }
}

function brokenOff(message: string, response: Response, cause: unknown): ApiError {
  return new ApiError(0, "UNREACHABLE", message, { retryable: true, traceId: idOf(response), cause });
}

async function readError(response: Response, signal: AbortSignal | undefined): Promise<ApiError> {
  const text = await readText(response, signal);
  let body: Partial<ErrorBody> | Partial<FleetPromptErrorBody>;
  try {
    body = JSON.parse(text) as Partial<ErrorBody> | Partial<FleetPromptErrorBody>;
  } catch (cause) {
    return notOfThisApi(response, cause);
  }
  const { error } = body;
  if (error === undefined) return notOfThisApi(response);
  const retryAfter = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  // FleetPrompt says by the status alone what may be tried again.
  const retryable = "retryable" in error ? error.retryable : response.status === 429 || response.status === 503;
  return new ApiError(response.status, error.code, error.message, {
    ...(error.details === undefined ? {} : { details: error.details }),
    retryable,
    traceId: ("requestId" in error ? error.requestId : "traceId" in body ? body.traceId : undefined) ?? idOf(response),
    retryAfterSeconds: Number.isNaN(retryAfter) ? null : retryAfter,
  });
}

function idOf(response: Response): string | null {
  return response.headers.get("x-trace-id") ?? response.headers.get("x-request-id");
}

/** Some other server, or a proxy, answered. */
function notOfThisApi(response: Response, cause?: unknown): ApiError {
  return new ApiError(response.status, "INTERNAL", `The answer is not of this API (HTTP ${response.status})`, {
    traceId: idOf(response),
    cause,
  });
}
