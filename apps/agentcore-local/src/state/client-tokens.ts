import type { DatabaseSync } from "node:sqlite";
import { AwsError } from "../http/aws-error.ts";
import { transaction } from "./database.ts";
import type { Seal } from "./seal.ts";

/** How long a repeated request is known; AWS gives no figure, clients retry for minutes. */
const KEPT_MS = 24 * 60 * 60_000;

/** A request that comes again with its `clientToken` gets the first answer, and changes nothing. */
export class ClientTokens {
  private readonly database: DatabaseSync;
  private readonly seal: Seal;
  private readonly now: () => number;

  constructor(database: DatabaseSync, seal: Seal, now: () => number) {
    this.database = database;
    this.seal = seal;
    this.now = now;
  }

  /**
   * `work` is synchronous, so that it and the memory of it become durable together.
   * @throws AwsError when the token was used with another request.
   */
  once<T>(operation: string, token: string | undefined, request: unknown, work: () => T): T {
    if (token === undefined) return transaction(this.database, work);
    const fingerprint = this.seal.fingerprint(JSON.stringify(request));
    return transaction(this.database, () => {
      this.database.prepare("DELETE FROM client_tokens WHERE created_at < ?").run(this.now() - KEPT_MS);
      const known = this.database
        .prepare("SELECT fingerprint, answer FROM client_tokens WHERE operation = ? AND token = ?")
        .get(operation, token);
      if (known !== undefined) {
        if (known.fingerprint === fingerprint) return JSON.parse(String(known.answer)) as T;
        throw new AwsError("ValidationException", "The clientToken was used with other parameters.", {
          detail: { reason: "IdempotentParameterMismatchException" },
        });
      }
      const answer = work();
      this.database
        .prepare("INSERT INTO client_tokens (operation, token, fingerprint, answer, created_at) VALUES (?, ?, ?, ?, ?)")
        .run(operation, token, fingerprint, JSON.stringify(answer ?? null), this.now());
      return answer;
    });
  }
}
