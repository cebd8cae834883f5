import { ApiError, type CallInput, type Endpoint, type ReceivedOf, type StreamedEvent, WhsClient } from "@whs/api";
import { setTimeout as delay } from "node:timers/promises";

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 300;
/** Whoever says "come back later than this" gets an answer for the person instead. */
const LONGEST_DELAY_MS = 10_000;

/** The WHS API as the signed-in user. What may be repeated without harm is repeated when the API says that it helps. */
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
    const repeatable = endpoint.method === "GET" || endpoint.method === "DELETE" || "idempotencyKey" in input;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#client.exchange(endpoint, input);
      } catch (error) {
        const wait = error instanceof ApiError && repeatable ? retryDelayMs(error, attempt) : null;
        if (wait === null) throw error;
        await delay(wait);
      }
    }
  }

  /** @throws ApiError */
  stream<E extends Endpoint>(endpoint: E, input: CallInput<E>): AsyncGenerator<StreamedEvent> {
    return this.#client.stream(endpoint, input);
  }
}

/** Null where another attempt is pointless. An address that nobody listens at is told at once. */
function retryDelayMs(error: ApiError, attempt: number): number | null {
  if (!error.retryable || error.code === "UNREACHABLE" || attempt >= ATTEMPTS) return null;
  const wait = error.retryAfterSeconds === null ? FIRST_DELAY_MS * 2 ** (attempt - 1) : error.retryAfterSeconds * 1000;
  return wait > LONGEST_DELAY_MS ? null : wait;
}
