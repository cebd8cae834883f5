import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  paginateListSecrets,
  PutSecretValueCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describeAwsError } from "../aws/index.ts";
import { SecretStoreError } from "./port.ts";

/** A deletion at once still takes the service a moment, in which the name is taken: about 13 seconds in all. */
const NAME_ATTEMPTS = 12;
const NAME_PAUSE_MS = 50;
const LONGEST_NAME_PAUSE_MS = 2_000;
/** How often a request is repeated that was invalid for a state of the entry which is over when one looks. */
const STATE_ATTEMPTS = 3;

export interface AwsEntriesSettings {
  client: SecretsManagerClient;
  prefix: string;
  /** Undefined for the account's default key. */
  kmsKeyId: string | undefined;
}

/** Single secrets of Secrets Manager under one prefix: a name, a description, up to 65,536 bytes. */
export class AwsEntries {
  readonly #client: SecretsManagerClient;
  readonly #prefix: string;
  readonly #kmsKeyId: string | undefined;

  constructor({ client, prefix, kmsKeyId }: AwsEntriesSettings) {
    this.#client = client;
    this.#prefix = prefix;
    this.#kmsKeyId = kmsKeyId;
  }

  async read(place: string): Promise<Buffer | undefined> {
    const SecretId = this.#name(place);
    for (let attempt = 1; ; attempt++) {
      try {
        const { SecretBinary } = await this.#client.send(new GetSecretValueCommand({ SecretId }));
        if (SecretBinary === undefined)
          throw new SecretStoreError("damaged", `The secret store's entry ${place} is not one of this server's.`);
        return Buffer.from(SecretBinary);
      } catch (error) {
        const state = await this.#stateAfter(error, SecretId);
        if (state === "gone" || state === "leaving") return undefined;
        if (state === undefined || attempt === STATE_ATTEMPTS) throw typed("read a secret", error);
      }
    }
  }

  /** @returns false when there is an entry of that name. */
  async create(place: string, description: string, content: Buffer): Promise<boolean> {
    const Name = this.#name(place);
    // The same token again after a lost answer is the same request.
    const input = { Name, Description: description, SecretBinary: content, ClientRequestToken: randomUUID() };
    for (let attempt = 1, unclear = 0; ; attempt++) {
      try {
        await this.#client.send(
          new CreateSecretCommand({ ...input, ...(this.#kmsKeyId === undefined ? {} : { KmsKeyId: this.#kmsKeyId }) }),
        );
        return true;
      } catch (error) {
        if (isNamed(error, "ResourceExistsException")) return false;
        const state = await this.#stateAfter(error, Name);
        if (state === "present") unclear += 1;
        if (state === undefined || attempt === NAME_ATTEMPTS || unclear === STATE_ATTEMPTS) throw typed("store a secret", error);
        if (state === "leaving") await delay(Math.min(LONGEST_NAME_PAUSE_MS, NAME_PAUSE_MS * 2 ** (attempt - 1)));
      }
    }
  }

  /** Makes `content` what the entry holds, whether there is one or not. */
  async replace(place: string, description: string, content: Buffer): Promise<void> {
    const input = { SecretId: this.#name(place), SecretBinary: content, ClientRequestToken: randomUUID() };
    for (let attempt = 1; attempt <= NAME_ATTEMPTS; attempt++) {
      try {
        await this.#client.send(new PutSecretValueCommand(input));
        return;
      } catch (error) {
        if ((await this.#stateAfter(error, input.SecretId)) === undefined) throw typed("store a secret", error);
      }
      if (await this.create(place, description, content)) return;
    }
    throw new SecretStoreError("unavailable", "Cannot store a secret: it is deleted again and again by someone else.");
  }

  /** @param recoveryDays how long an operator can restore it; undefined for not at all. */
  async delete(place: string, recoveryDays: number | undefined): Promise<void> {
    const SecretId = this.#name(place);
    const how = recoveryDays === undefined ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: recoveryDays };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.send(new DeleteSecretCommand({ SecretId, ...how }));
        return;
      } catch (error) {
        const state = await this.#stateAfter(error, SecretId);
        if (state === "gone" || state === "leaving") return;
        if (state === undefined || attempt === STATE_ATTEMPTS) throw typed("delete a secret", error);
      }
    }
  }

  /** The entries below a place, without those that are being deleted. */
  async *list(below: string): AsyncGenerator<{ place: string; createdAt: Date }> {
    const start = this.#name(below);
    const pages = paginateListSecrets({ client: this.#client, pageSize: 100 }, { Filters: [{ Key: "name", Values: [start] }] });
    try {
      for await (const { SecretList = [] } of pages) {
        for (const { Name = "", CreatedDate } of SecretList) {
          if (Name.startsWith(start) && CreatedDate !== undefined)
            yield { place: Name.slice(this.#prefix.length + 1), createdAt: CreatedDate };
        }
      }
    } catch (error) {
      throw typed("list secrets", error);
    }
  }

  close(): void {
    this.#client.destroy();
  }

  #name(place: string): string {
    return `${this.#prefix}/${place}`;
  }

  /**
   * What became of an entry that a request failed for; undefined when the failure has nothing to do with that. The
   * service has one error for an entry that is being deleted and for much else.
   */
  async #stateAfter(error: unknown, SecretId: string): Promise<"gone" | "leaving" | "present" | undefined> {
    if (isNamed(error, "ResourceNotFoundException")) return "gone";
    if (!isNamed(error, "InvalidRequestException")) return undefined;
    try {
      const { DeletedDate } = await this.#client.send(new DescribeSecretCommand({ SecretId }));
      return DeletedDate === undefined ? "present" : "leaving";
    } catch (describing) {
      if (isNamed(describing, "ResourceNotFoundException")) return "gone";
      throw typed("look at a secret", describing);
    }
  }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

/** Without the SDK's error as the cause: where an answer cannot be read, that one holds the answer. */
function typed(what: string, error: unknown): SecretStoreError {
  if (error instanceof SecretStoreError) return error;
  const { denied, text } = describeAwsError(error);
  return new SecretStoreError(denied ? "denied" : "unavailable", `Cannot ${what} in AWS Secrets Manager: ${text}.`);
}
