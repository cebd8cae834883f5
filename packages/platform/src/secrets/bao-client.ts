import { setTimeout as delay } from "node:timers/promises";
import type { BaoToken } from "./bao-token.ts";
import { SecretStoreError } from "./port.ts";

export interface BaoTimings {
  /** For one request and its answer. */
  requestTimeoutMs: number;
  /** Before the second attempt, at most; doubled for each further one. */
  retryDelayMs: number;
}

export const defaultBaoTimings: BaoTimings = { requestTimeoutMs: 5_000, retryDelayMs: 150 };

export interface BaoRequest {
  method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`, each part already safe in a URL. */
  path: string;
  body?: object;
  /** Of the answer. */
  maxBytes?: number;
  /** Off where the answer is wanted at once. */
  retry?: boolean;
  /** Off for the system's own endpoints, which belong to no namespace and need no token. */
  authenticated?: boolean;
}

export interface BaoAnswer {
  status: number;
  /** Parsed JSON, undefined for an empty answer. */
  body: unknown;
}

const ATTEMPTS = 4;
const LONGEST_PAUSE_MS = 5_000;
/** A value of 256 KiB in base64 with what surrounds it is 0.4 MiB. */
const DEFAULT_MAX_BYTES = 1024 * 1024;
/**
 * Statuses that another attempt may change: 412 is a replica that lags behind, 429 a quota, 472 and 473 standby nodes,
 * 503 a sealed or starting server.
 */
const PASSING = new Set([412, 429, 472, 473, 500, 502, 503, 504]);
const REDIRECTS = new Set([301, 302, 307, 308]);

/**
 * Speaks the HTTP API that OpenBao and HashiCorp Vault share. Every request may be sent twice, so callers make theirs
 * idempotent. Neither the server's words nor the parser's reach an error, as both may quote a value.
 */
export class BaoClient {
  readonly #base: URL;
  readonly #namespace: string | undefined;
  readonly #token: BaoToken;
  readonly #timings: BaoTimings;
  readonly #closing = new AbortController();

  constructor(base: URL, namespace: string | undefined, token: BaoToken, timings: BaoTimings) {
    this.#base = base;
    this.#namespace = namespace;
    this.#token = token;
    this.#timings = timings;
  }

  /**
   * @returns an answer of 200, 204, 400 or 404.
   * @throws SecretStoreError `denied` for 403, `unavailable` for whatever else goes wrong.
   */
  async request(request: BaoRequest): Promise<BaoAnswer> {
    const attempts = request.retry === false ? 1 : ATTEMPTS;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(request);
      if ("answer" in outcome) return outcome.answer;
      if (!outcome.passing || attempt === attempts || this.#closing.signal.aborted) throw outcome.error;
      const backoffMs = Math.random() * this.#timings.retryDelayMs * 2 ** (attempt - 1);
      await delay(Math.min(LONGEST_PAUSE_MS, Math.max(backoffMs, outcome.retryAfterMs)));
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async #attempt(request: BaoRequest): Promise<Outcome> {
    const token = this.#token.value;
    const outcome = await this.#exchange(request);
    const refused = "error" in outcome && outcome.error.code === "denied" && request.authenticated !== false;
    // Whoever looks after the token file may have replaced the token since it was read.
    if (refused && (this.#token.value !== token || (await this.#token.reread()))) return this.#exchange(request);
    return outcome;
  }

  async #exchange(request: BaoRequest): Promise<Outcome> {
    try {
      const response = await this.#send(request);
      const body = await readBounded(response, request.maxBytes ?? DEFAULT_MAX_BYTES);
      if (response.status === 403)
        return failure("denied", "The secret store refuses this server's token: its policy or its time is over.");
      if ([200, 204, 400, 404].includes(response.status)) return { answer: { status: response.status, body: parse(body) } };
      return failure("unavailable", describeStatus(response.status), PASSING.has(response.status), retryAfterMs(response));
    } catch (error) {
      if (error instanceof SecretStoreError) return { error, passing: false, retryAfterMs: 0 };
      return failure("unavailable", `Cannot reach the secret store: ${describeNetworkError(error)}.`, true);
    }
  }

  async #send(request: BaoRequest): Promise<Response> {
    const url = new URL(`/v1/${request.path}`, this.#base);
    const response = await this.#fetch(url, request);
    if (!REDIRECTS.has(response.status)) return response;
    // A standby node names the active one. Once is enough, and never from TLS to none.
    const location = response.headers.get("location") ?? "";
    await response.body?.cancel();
    const target = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (target === undefined || target.protocol !== url.protocol) {
      throw new SecretStoreError("unavailable", "The secret store redirects to where this server does not go.");
    }
    return this.#fetch(target, request);
  }

  #fetch(url: URL, { method, body, authenticated = true }: BaoRequest): Promise<Response> {
    const headers: Record<string, string> = { "x-vault-request": "true", accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (authenticated) {
      headers["x-vault-token"] = this.#token.value;
      if (this.#namespace !== undefined) headers["x-vault-namespace"] = this.#namespace;
    }
    const signal = AbortSignal.any([AbortSignal.timeout(this.#timings.requestTimeoutMs), this.#closing.signal]);
    return fetch(url.href, { method, headers, redirect: "manual", signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  }
}

type Outcome = { answer: BaoAnswer } | { error: SecretStoreError; passing: boolean; retryAfterMs: number };

function failure(code: "denied" | "unavailable", message: string, passing = false, retryAfter = 0): Outcome {
  return { error: new SecretStoreError(code, message), passing, retryAfterMs: retryAfter };
}

function describeStatus(status: number): string {
  if (status === 503) return "The secret store is sealed or in maintenance (503).";
  if (status === 429) return "The secret store's rate limit is reached (429).";
  return `The secret store answered ${status}.`;
}

function retryAfterMs(response: Response): number {
  const seconds = Number(response.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

/** The operating system's code where there is one: the messages of the layers above may quote headers. */
function describeNetworkError(error: unknown): string {
  if (!(error instanceof Error)) return "unknown failure";
  if (error.name === "TimeoutError") return "no answer in time";
  const cause: unknown = error.cause;
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  return error.name;
}

async function readBounded(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw new SecretStoreError("unavailable", `The secret store's answer has more than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws SecretStoreError without the parser's error, which quotes the text. */
function parse(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new SecretStoreError("unavailable", "The secret store's answer is not JSON.");
  }
}
