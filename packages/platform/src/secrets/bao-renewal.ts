import { z } from "zod";
import type { BaoClient } from "./bao-client.ts";
import type { SecretStoreLog } from "./open.ts";
import { SecretStoreError } from "./port.ts";

const lookupAnswer = z.object({ data: z.object({ ttl: z.number(), renewable: z.boolean().default(false) }) });
const renewAnswer = z.object({ auth: z.object({ lease_duration: z.number(), renewable: z.boolean().default(false) }) });

/** Renewed when this much of its time is over, which leaves room for some failures. */
const RENEW_AFTER = 2 / 3;
const SHORTEST_PAUSE_MS = 250;
/** Also the pause after a failure; the longest that a timer can count is 24 days. */
const LONGEST_RETRY_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 24 * 60 * 60 * 1000;

interface Lease {
  seconds: number;
  renewable: boolean;
}

/** Keeps a renewable token alive for as long as the server lets it, without keeping the process alive. */
export class BaoRenewal {
  readonly #client: BaoClient;
  readonly #log: SecretStoreLog | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(client: BaoClient, log: SecretStoreLog | undefined) {
    this.#client = client;
    this.#log = log;
  }

  /** Looks at the token and plans its renewal; one that cannot be renewed or does not end needs none. */
  async start(): Promise<void> {
    this.#plan(await this.#ask("GET", "auth/token/lookup-self"));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #plan(lease: Lease): void {
    if (!lease.renewable || lease.seconds <= 0) return;
    this.#wait(Math.min(LONGEST_PAUSE_MS, lease.seconds * 1000 * RENEW_AFTER), lease);
  }

  #wait(pauseMs: number, lease: Lease): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#renew(lease), Math.max(SHORTEST_PAUSE_MS, pauseMs)).unref();
  }

  async #renew(lease: Lease): Promise<void> {
    try {
      this.#plan(await this.#ask("POST", "auth/token/renew-self"));
    } catch (error) {
      // Closing cuts a renewal off.
      if (this.#closed) return;
      this.#log?.warn({ err: error }, "Cannot renew the secret store's token; trying again");
      this.#wait(Math.min(LONGEST_RETRY_PAUSE_MS, (lease.seconds * 1000) / 10), lease);
    }
  }

  async #ask(method: "GET" | "POST", path: string): Promise<Lease> {
    const { body } = await this.#client.request({ method, path, ...(method === "POST" ? { body: {} } : {}) });
    const lookup = lookupAnswer.safeParse(body);
    if (lookup.success) return { seconds: lookup.data.data.ttl, renewable: lookup.data.data.renewable };
    const renewed = renewAnswer.safeParse(body);
    if (renewed.success) return { seconds: renewed.data.auth.lease_duration, renewable: renewed.data.auth.renewable };
    throw new SecretStoreError("unavailable", "The secret store does not say how long its token lives.");
  }
}
