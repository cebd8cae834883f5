import { randomBytes } from "node:crypto";
import { z } from "zod";
import { ConfigurationError, isLoopback } from "../config/index.ts";
import { type BaoAnswer, BaoClient, type BaoTimings, defaultBaoTimings } from "./bao-client.ts";
import { BaoRenewal } from "./bao-renewal.ts";
import { BaoToken } from "./bao-token.ts";
import { ensureValue } from "./ensure-value.ts";
import type { SecretStoreOptions } from "./open.ts";
import { requirePath, requireValue, type SecretStore, SecretStoreError } from "./port.ts";
import { damaged, decodeRecord, encodeRecord } from "./record.ts";

const REF = /^openbao:([0-9a-f]{32})$/;
/** A list has 35 bytes a reference: room for a million. */
const MAX_LIST_BYTES = 64 * 1024 * 1024;
const ENSURE_PAUSE_MS = 20;
/** Never written. A path that may be read without one being there shows that the token and its policy work. */
const HEALTH_PLACE = "paths/healthcheck";

const mountAnswer = z.object({ data: z.object({ type: z.string(), options: z.object({ version: z.string() }).nullish() }) });
const readAnswer = z.object({
  data: z.object({ data: z.record(z.string(), z.unknown()), metadata: z.object({ version: z.int() }) }),
});
const goneAnswer = z.object({ data: z.object({ metadata: z.object({ version: z.int() }) }) });
const errorAnswer = z.object({ errors: z.array(z.unknown()) });
const listAnswer = z.object({ data: z.object({ keys: z.array(z.string()) }) });
const metadataAnswer = z.object({ data: z.object({ created_time: z.iso.datetime({ offset: true }) }) });

/**
 * Secrets in the KV engine, version 2, of OpenBao or HashiCorp Vault:
 * `openbao+https://host:8200/<mount>[/<prefix>][?namespace=…]`. Entries are `<prefix>/refs/<id>` and
 * `<prefix>/paths/<path>`, each with one field `record` in base64: JSON would make a control character six bytes, and
 * servers limit an entry to 1 MiB or less. The token needs create, update, read and delete on `<mount>/data/<prefix>/*`,
 * read, list and delete on `<mount>/metadata/<prefix>/*`. A mount with `cas_required` does not fit.
 * @throws ConfigurationError for a URL or a mount that cannot be used.
 * @throws SecretStoreError `denied` or `unavailable`
 */
export async function openOpenBao(url: URL, options: SecretStoreOptions, timings: BaoTimings = defaultBaoTimings): Promise<SecretStore> {
  const { base, mount, prefix, namespace } = readUrl(url, options.allowHttp === true);
  if (options.tokenFile === undefined)
    throw misconfigured("WHS_SECRETS_TOKEN_FILE is missing: it should be a file with the token for SECRETS_URL");
  const token = await BaoToken.open(options.tokenFile);
  const client = new BaoClient(base, namespace, token, timings);
  const renewal = new BaoRenewal(client, options.log);
  try {
    await requireVersion2(client, mount);
    await renewal.start();
  } catch (error) {
    token.close();
    throw error;
  }
  return new OpenBaoStore(client, mount, prefix, () => {
    renewal.close();
    client.close();
    token.close();
  });
}

function readUrl(url: URL, allowHttp: boolean): { base: URL; mount: string; prefix: string; namespace: string | undefined } {
  const should = "it should be like openbao+https://vault.example.com:8200/secret/whs";
  if (url.username !== "" || url.password !== "") throw misconfigured(`SECRETS_URL must hold no credentials; ${should}`);
  if (url.hostname === "" || url.hash !== "") throw misconfigured(`SECRETS_URL: ${should}`);
  const secure = url.protocol === "openbao+https:";
  if (!secure && !allowHttp && !isLoopback(url.hostname))
    throw misconfigured("SECRETS_URL: beyond loopback it must be openbao+https: (WHS_ALLOW_HTTP=1 overrides)");
  const [mount = "", ...prefix] = url.pathname.split("/").slice(1);
  // A mount's own path may have slashes, written %2F here.
  for (const part of [...decodeMount(mount, should).split("/"), ...prefix]) {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/.test(part))
      throw misconfigured(`SECRETS_URL: mount and prefix are of A-Z a-z 0-9 . _ -; ${should}`);
  }
  const unknown = [...url.searchParams.keys()].filter((name) => name !== "namespace");
  if (unknown.length > 0) throw misconfigured(`SECRETS_URL takes the option namespace, not ${unknown.join(", ")}`);
  const namespace = url.searchParams.get("namespace") ?? undefined;
  if (namespace !== undefined && !/^[A-Za-z0-9_-][A-Za-z0-9._/-]{0,255}$/.test(namespace))
    throw misconfigured("SECRETS_URL: its namespace is not one");
  return {
    base: new URL(`${secure ? "https" : "http"}://${url.host}`),
    mount: decodeMount(mount, should),
    prefix: prefix.join("/"),
    namespace,
  };
}

function decodeMount(mount: string, should: string): string {
  if (/%(?!2f)/i.test(mount)) throw misconfigured(`SECRETS_URL: ${should}`);
  return mount.replaceAll(/%2f/gi, "/");
}

function misconfigured(text: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${text}`);
}

async function requireVersion2(client: BaoClient, mount: string): Promise<void> {
  const { status, body } = await client.request({ method: "GET", path: `sys/internal/ui/mounts/${mount}` });
  const answer = mountAnswer.safeParse(body);
  if (status !== 200 || !answer.success) throw new SecretStoreError("unavailable", `The secret store has no engine at ${mount}.`);
  const { type, options } = answer.data.data;
  if (type !== "kv" || options?.version !== "2") throw misconfigured(`SECRETS_URL: the engine at ${mount} must be of type kv, version 2`);
}

class OpenBaoStore implements SecretStore {
  readonly #client: BaoClient;
  readonly #mount: string;
  readonly #prefix: string;
  readonly #release: () => void;

  constructor(client: BaoClient, mount: string, prefix: string, release: () => void) {
    this.#client = client;
    this.#mount = mount;
    this.#prefix = prefix === "" ? "" : `${prefix}/`;
    this.#release = release;
  }

  async put(path: string, value: string): Promise<string> {
    requirePath(path);
    requireValue(value);
    const id = randomBytes(16).toString("hex");
    const place = `refs/${id}`;
    const written = await this.#write(place, encodeRecord(place, path, value), 0);
    // The id is new: if its place is taken, an earlier attempt got through and only its answer was lost.
    if (!written && (await this.#read(place)).value !== value) throw refused();
    return `openbao:${id}`;
  }

  async get(ref: string): Promise<string | undefined> {
    return (await this.#read(placeOfRef(ref))).value;
  }

  async delete(ref: string): Promise<void> {
    await this.#delete(placeOfRef(ref));
  }

  async getByPath(path: string): Promise<string | undefined> {
    return (await this.#read(placeOfPath(path))).value;
  }

  async putByPath(path: string, value: string): Promise<void> {
    const place = placeOfPath(path);
    requireValue(value);
    if (!(await this.#write(place, encodeRecord(place, path, value)))) throw refused();
  }

  async deleteByPath(path: string): Promise<void> {
    await this.#delete(placeOfPath(path));
  }

  async ensure(path: string, generate: () => string): Promise<string> {
    const place = placeOfPath(path);
    let version = 0;
    return ensureValue({
      read: async () => {
        const found = await this.#read(place);
        version = found.version;
        return found.value;
      },
      // A version that was deleted by hand still counts: the write is for the version that was seen to have no value.
      writeIfFree: (value) => this.#write(place, encodeRecord(place, path, value), version),
      generate,
      pauseMs: ENSURE_PAUSE_MS,
    });
  }

  async sweep(knownRefs: ReadonlySet<string>, olderThan: Date): Promise<number> {
    let swept = 0;
    for (const id of await this.#listRefs()) {
      if (knownRefs.has(`openbao:${id}`)) continue;
      const metadata = await this.#client.request({ method: "GET", path: this.#path("metadata", `refs/${id}`) });
      const found = metadataAnswer.safeParse(metadata.body);
      if (!found.success || new Date(found.data.data.created_time) >= olderThan) continue;
      await this.#delete(`refs/${id}`);
      swept += 1;
    }
    return swept;
  }

  async healthcheck(): Promise<void> {
    const path = "sys/health?standbyok=true&perfstandbyok=true";
    const { status } = await this.#client.request({ method: "GET", path, retry: false, authenticated: false });
    if (status !== 200) throw new SecretStoreError("unavailable", `The secret store's health is ${status}.`);
    await this.#read(HEALTH_PLACE, false);
  }

  close(): Promise<void> {
    this.#release();
    return Promise.resolve();
  }

  async #listRefs(): Promise<string[]> {
    const path = `${this.#path("metadata", "refs/")}?list=true`;
    const answer = await this.#client.request({ method: "GET", path, maxBytes: MAX_LIST_BYTES });
    if (isNothingThere(answer)) return [];
    const list = listAnswer.safeParse(answer.body);
    if (!list.success) throw refused();
    return list.data.data.keys.filter((key) => /^[0-9a-f]{32}$/.test(key));
  }

  /** `version` is the entry's current one, 0 when there is no entry. */
  async #read(place: string, retry = true): Promise<{ value: string | undefined; version: number }> {
    const answer = await this.#client.request({ method: "GET", path: this.#path("data", place), retry });
    if (answer.status === 404) {
      const gone = goneAnswer.safeParse(answer.body);
      if (gone.success) return { value: undefined, version: gone.data.data.metadata.version };
      if (isNothingThere(answer)) return { value: undefined, version: 0 };
    }
    const found = readAnswer.safeParse(answer.body);
    if (answer.status !== 200 || !found.success) throw refused();
    const { data, metadata } = found.data.data;
    const record = data["record"];
    if (typeof record !== "string") throw damaged(place);
    return { value: decodeRecord(place, Buffer.from(record, "base64")), version: metadata.version };
  }

  /** @returns false when the entry is not, or no longer, of version `cas`, or the server refuses the write altogether. */
  async #write(place: string, record: Buffer, cas?: number): Promise<boolean> {
    const body = { data: { record: record.toString("base64") }, ...(cas === undefined ? {} : { options: { cas } }) };
    const { status } = await this.#client.request({ method: "POST", path: this.#path("data", place), body });
    if (status === 404) throw refused();
    return status === 200;
  }

  /** With its metadata go all its versions. */
  async #delete(place: string): Promise<void> {
    const { status } = await this.#client.request({ method: "DELETE", path: this.#path("metadata", place) });
    if (status !== 204 && status !== 200) throw refused();
  }

  #path(kind: "data" | "metadata", place: string): string {
    return `${this.#mount}/${kind}/${this.#prefix}${place}`;
  }
}

/** An engine says "nothing here" with an empty list of errors; a server without that engine says more. */
function isNothingThere({ status, body }: BaoAnswer): boolean {
  const answer = errorAnswer.safeParse(body);
  return status === 404 && answer.success && answer.data.errors.length === 0;
}

function refused(): SecretStoreError {
  return new SecretStoreError("unavailable", "The secret store refused a request as invalid: is its key-value engine still there?");
}

function placeOfRef(ref: string): string {
  const id = REF.exec(ref)?.[1];
  if (id === undefined)
    throw new SecretStoreError("invalid_ref", "This is not a reference of the OpenBao store; was it made by another secret store?");
  return `refs/${id}`;
}

function placeOfPath(path: string): string {
  requirePath(path);
  return `paths/${path}`;
}
