import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createHash } from "node:crypto";
import { type AwsTimeouts, readEndpointOptions } from "../aws/index.ts";
import { ConfigurationError } from "../config/index.ts";
import { AwsEntries } from "./aws-entries.ts";
import { AwsRecords, isRecordHandle, PART_BYTES } from "./aws-records.ts";
import { ensureValue } from "./ensure-value.ts";
import type { SecretStoreOptions } from "./open.ts";
import { requirePath, requireValue, type SecretStore, SecretStoreError } from "./port.ts";
import { damaged, decodeRecord, encodeRecord } from "./record.ts";

const REF_START = "aws-sm:";
/** How a well-known path's entry begins when its value is elsewhere, in parts. A record begins with a brace. */
const POINTER_START = "at:";
/** For an API call with its retries, which the SDK spaces out when it is throttled. */
const MAX_ATTEMPTS = 5;
const defaultTimeouts: AwsTimeouts = { connectionTimeout: 3_000, requestTimeout: 5_000, socketTimeout: 5_000 };
const ENSURE_PAUSE_MS = 50;
const POINTER_ATTEMPTS = 5;

interface Settings {
  client: SecretsManagerClient;
  prefix: string;
  kmsKeyId: string | undefined;
  recoveryDays: number | undefined;
}

/**
 * Secrets in AWS Secrets Manager: `aws-sm://<region>/<prefix>[?recovery-days=7…30][&kms-key=…][&endpoint=…]`, with the
 * credentials of the SDK's default chain. Names are `<prefix>/refs/<id>` and `<prefix>/paths/<hash of the path>`; the
 * path is the description. A value of about 48 KiB or more is stored in parts.
 *
 * What `delete` removes is gone at once or, with `recovery-days`, can be restored by an operator for that time.
 * Well-known paths are always removed at once, as their names must be free again.
 *
 * The role needs CreateSecret, PutSecretValue, GetSecretValue, DescribeSecret and DeleteSecret on `<prefix>/*`,
 * ListSecrets, and the use of the KMS key.
 * @throws ConfigurationError for a URL that cannot be used.
 * @throws SecretStoreError `denied` or `unavailable`
 */
export async function openAwsSecretsManager(
  url: URL,
  options: SecretStoreOptions,
  timeouts: AwsTimeouts = defaultTimeouts,
  maxAttempts = MAX_ATTEMPTS,
): Promise<SecretStore> {
  const store = new AwsSecretsManagerStore(readUrl(url, options.allowHttp === true, timeouts, maxAttempts));
  try {
    await store.healthcheck();
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

function readUrl(url: URL, allowHttp: boolean, timeouts: AwsTimeouts, maxAttempts: number): Settings {
  const should = "it should be like aws-sm://eu-central-1/whs";
  const wrong = (text: string) => new ConfigurationError(`Cannot start:\n  SECRETS_URL${text}`);
  if (url.username !== "" || url.password !== "" || url.port !== "" || url.hash !== "")
    throw wrong(` must hold no credentials and no port; ${should}`);
  if (!/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/.test(url.hostname)) throw wrong(`: its host is not an AWS region; ${should}`);
  const prefix = url.pathname.slice(1);
  if (!/^[A-Za-z0-9_.@=+-]+(\/[A-Za-z0-9_.@=+-]+)*$/.test(prefix) || prefix.length > 256)
    throw wrong(` needs a prefix for its names; ${should}`);
  const unknown = [...url.searchParams.keys()].filter((name) => !["recovery-days", "kms-key", "endpoint"].includes(name));
  if (unknown.length > 0) throw wrong(` takes the options recovery-days, kms-key and endpoint, not ${unknown.join(", ")}`);
  const days = url.searchParams.get("recovery-days");
  if (days !== null && !/^([7-9]|[12]\d|30)$/.test(days)) throw wrong(": recovery-days should be 7 to 30");
  const client = new SecretsManagerClient({
    region: url.hostname,
    maxAttempts,
    requestHandler: { ...timeouts, throwOnRequestTimeout: true },
    ...readEndpointOptions("SECRETS_URL", url, allowHttp),
  });
  return { client, prefix, kmsKeyId: url.searchParams.get("kms-key") ?? undefined, recoveryDays: days === null ? undefined : Number(days) };
}

class AwsSecretsManagerStore implements SecretStore {
  readonly #entries: AwsEntries;
  readonly #refs: AwsRecords;
  readonly #large: AwsRecords;
  readonly #recoveryDays: number | undefined;

  constructor(settings: Settings) {
    this.#entries = new AwsEntries(settings);
    this.#refs = new AwsRecords(this.#entries, "refs");
    this.#large = new AwsRecords(this.#entries, "large");
    this.#recoveryDays = settings.recoveryDays;
  }

  async put(path: string, value: string): Promise<string> {
    requirePath(path);
    requireValue(value);
    return `${REF_START}${await this.#refs.write(path, value)}`;
  }

  async get(ref: string): Promise<string | undefined> {
    return this.#refs.read(handleOf(ref));
  }

  async delete(ref: string): Promise<void> {
    await this.#refs.delete(handleOf(ref), this.#recoveryDays);
  }

  async getByPath(path: string): Promise<string | undefined> {
    const place = placeOfPath(path);
    let previous: string | undefined;
    for (let attempt = 0; attempt < POINTER_ATTEMPTS; attempt++) {
      const content = await this.#entries.read(place);
      if (content === undefined) return undefined;
      const pointer = pointerIn(content);
      if (pointer === undefined) return decodeRecord(place, content);
      // The value was replaced between the pointer and its parts, or its parts are gone where the pointer is still the same.
      if (pointer === previous) throw damaged(place);
      const value = await this.#large.read(pointer);
      if (value !== undefined) return value;
      previous = pointer;
    }
    throw new SecretStoreError("unavailable", "Cannot read a secret: it is replaced again and again by someone else.");
  }

  async putByPath(path: string, value: string): Promise<void> {
    const place = placeOfPath(path);
    requireValue(value);
    const before = await this.#entries.read(place);
    const content = await this.#contentForPath(path, value);
    await this.#entries.replace(place, path, content);
    await this.#deletePointed(before);
  }

  async deleteByPath(path: string): Promise<void> {
    const place = placeOfPath(path);
    const before = await this.#entries.read(place);
    await this.#entries.delete(place, undefined);
    await this.#deletePointed(before);
  }

  async ensure(path: string, generate: () => string): Promise<string> {
    const writeIfFree = async (value: string): Promise<boolean> => {
      const content = await this.#contentForPath(path, value);
      const created = await this.#entries.create(placeOfPath(path), path, content);
      if (!created) await this.#deletePointed(content);
      return created;
    };
    return ensureValue({ read: () => this.getByPath(path), writeIfFree, generate, pauseMs: ENSURE_PAUSE_MS });
  }

  async sweep(knownRefs: ReadonlySet<string>, olderThan: Date): Promise<number> {
    await this.#large.sweep(await this.#pointers(), olderThan, undefined);
    return this.#refs.sweep(new Set([...knownRefs].map(handleOf)), olderThan, this.#recoveryDays);
  }

  /** Reads a name that is never written: to learn that there is none takes all that reading a secret takes. */
  async healthcheck(): Promise<void> {
    await this.#entries.read("paths/healthcheck");
  }

  close(): Promise<void> {
    this.#entries.close();
    return Promise.resolve();
  }

  /** Of all well-known paths, which are few. */
  async #pointers(): Promise<Set<string>> {
    const pointers = new Set<string>();
    for await (const { place } of this.#entries.list("paths/")) {
      const content = await this.#entries.read(place);
      const pointer = content === undefined ? undefined : pointerIn(content);
      if (pointer !== undefined) pointers.add(pointer);
    }
    return pointers;
  }

  async #contentForPath(path: string, value: string): Promise<Buffer> {
    const record = encodeRecord(placeOfPath(path), path, value);
    return record.length <= PART_BYTES ? record : Buffer.from(POINTER_START + (await this.#large.write(path, value)), "utf8");
  }

  async #deletePointed(content: Buffer | undefined): Promise<void> {
    const pointer = content === undefined ? undefined : pointerIn(content);
    if (pointer !== undefined) await this.#large.delete(pointer, undefined);
  }
}

function pointerIn(content: Buffer): string | undefined {
  const text = content.toString("latin1", 0, 64);
  const handle = text.slice(POINTER_START.length);
  return text.startsWith(POINTER_START) && isRecordHandle(handle) ? handle : undefined;
}

function handleOf(ref: string): string {
  const handle = ref.slice(REF_START.length);
  if (!ref.startsWith(REF_START) || !isRecordHandle(handle))
    throw new SecretStoreError("invalid_ref", "This is not a reference of AWS Secrets Manager; was it made by another secret store?");
  return handle;
}

/** Hashed: a path may end like the random suffix of an ARN, which the service advises against for names. */
function placeOfPath(path: string): string {
  requirePath(path);
  return `paths/${createHash("sha256").update(path).digest("hex")}`;
}
