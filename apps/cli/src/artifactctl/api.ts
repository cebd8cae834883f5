import { ApiError, type CallInput, type Endpoint, type ReceivedOf, WhsClient } from "@whs/api";
import { setTimeout as delay } from "node:timers/promises";

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 300;
const LONGEST_DELAY_MS = 10_000;

/** The public API, and nothing but it. What may be repeated without harm is repeated when the API says that it helps. */
export class Api {
  readonly url: string;
  readonly #client: WhsClient;

  constructor(url: string, token: string) {
    this.url = url;
    this.#client = new WhsClient({ baseUrl: url, token });
  }

  /** @throws ApiError */
  async call<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<ReceivedOf<E>> {
    return (await this.exchange(endpoint, input)).answer;
  }

  /** With the answer's headers. @throws ApiError */
  async exchange<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<{ answer: ReceivedOf<E>; headers: Headers }> {
    const isRepeatable = endpoint.method === "GET" || "idempotencyKey" in input;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#client.exchange(endpoint, input);
      } catch (error) {
        const pause = error instanceof ApiError && isRepeatable ? pauseMs(error, attempt) : null;
        if (pause === null) throw error;
        await delay(pause);
      }
    }
  }

  /** All items of a list, page by page. @throws ApiError */
  async *all<Item>(page: (cursor: { cursor?: string }) => Promise<{ items: Item[]; nextCursor: string | null }>): AsyncGenerator<Item> {
    let cursor: string | null = null;
    do {
      const { items, nextCursor }: { items: Item[]; nextCursor: string | null } = await page(cursor === null ? {} : { cursor });
      yield* items;
      cursor = nextCursor;
    } while (cursor !== null);
  }
}

/** Null where another attempt is pointless: nobody listens, or the wait would be long. */
function pauseMs(error: ApiError, attempt: number): number | null {
  if (!error.retryable || error.code === "UNREACHABLE" || attempt >= ATTEMPTS) return null;
  const pause = error.retryAfterSeconds === null ? FIRST_DELAY_MS * 2 ** (attempt - 1) : error.retryAfterSeconds * 1000;
  return pause > LONGEST_DELAY_MS ? null : pause;
}

/** What an error of the API says, field by field where it names them. Never a value that was sent. */
export function describeApiError(error: ApiError): string {
  const { fields } = error.details;
  const named = Array.isArray(fields)
    ? (fields as { fieldName?: unknown; message?: unknown }[]).flatMap(({ fieldName, message }) =>
        typeof fieldName === "string" && typeof message === "string" ? [`${fieldName} ${message}`] : [],
      )
    : [];
  const trace = error.traceId === null ? "" : ` (trace ${error.traceId})`;
  return `${error.code}: ${[error.message, ...named].join(" ")}${trace}`;
}
