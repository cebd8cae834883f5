import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ConfigurationError } from "../config/index.ts";
import { redactText } from "../log/index.ts";
import { openSecretStore, type SecretStore, type SecretStoreOptions } from "./index.ts";
import { openOpenBao } from "./openbao.ts";
import { describeSecretStore } from "./testing/conformance.ts";
import { Kv2Peer } from "./testing/kv2-peer.ts";

const SENTINEL = "s3ntinel-value-7f3a";
const PREFIX = "whs/prod";

let directory = "";
let tokenFile = "";
const stores: SecretStore[] = [];
let peer: Kv2Peer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "whs-openbao-"));
  tokenFile = join(directory, "token");
  peer = await new Kv2Peer().listen();
  await writeFile(tokenFile, `${peer.token}\n`);
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  await peer.stop();
  await rm(directory, { recursive: true });
});

const options = (url = `openbao+http://${peer.host}/secret/${PREFIX}`): SecretStoreOptions => ({
  url,
  dataDir: "unused",
  masterKeyFile: "unused",
  tokenFile,
});

async function open(url?: string): Promise<SecretStore> {
  const store = await openSecretStore(options(url));
  stores.push(store);
  return store;
}

/** With little patience, for tests of what takes patience. */
async function openImpatient(requestTimeoutMs = 5_000): Promise<SecretStore> {
  const store = await openOpenBao(new URL(options().url), options(), { requestTimeoutMs, retryDelayMs: 1 });
  stores.push(store);
  return store;
}

describeSecretStore("openbao", async () => ({
  open: () => openSecretStore(options()),
  faults: {
    damage: async (ref) => {
      const record = Buffer.from(String(latest(ref)["record"]), "base64");
      record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
      latest(ref)["record"] = record.toString("base64");
    },
    deny: async () => peer.tokens.clear(),
    stop: () => peer.stop(),
  },
  close: () => peer.stop(),
}));

/** A server of one's own, for a check beyond the peer: its URL as SECRETS_URL takes it, and a file with a token. */
const realUrl = process.env["TEST_OPENBAO_URL"];
const realTokenFile = process.env["TEST_OPENBAO_TOKEN_FILE"];
if (realUrl !== undefined && realTokenFile !== undefined) {
  const real: SecretStoreOptions = { url: realUrl, dataDir: "unused", masterKeyFile: "unused", tokenFile: realTokenFile };
  describeSecretStore("a real server", () => Promise.resolve({ open: () => openSecretStore(real), close: () => Promise.resolve() }), {
    withFaults: false,
  });
}

function latest(ref: string): Record<string, unknown> {
  const data = peer.entries.get(`${PREFIX}/refs/${ref.slice("openbao:".length)}`)?.at(-1)?.data;
  if (data === undefined) throw new Error("there is no such entry");
  return data;
}

describe("an entry", () => {
  test("that was copied from another place, emptied or edited by hand is damaged", async () => {
    const store = await open();
    const [one, two] = [await store.put("a", "one"), await store.put("a", "two")];
    const original = latest(one)["record"];
    const forms = [
      latest(two)["record"],
      "",
      undefined,
      7,
      SENTINEL,
      Buffer.from("{}\n").toString("base64"),
      Buffer.from(`null\n${SENTINEL}`).toString("base64"),
    ];
    for (const form of forms) {
      latest(one)["record"] = form;
      const error: unknown = await store.get(one).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: "SecretStoreError", code: "damaged" });
      expect(inspect(error, { depth: 10 })).not.toContain("s3ntinel");
    }
    latest(one)["record"] = original;
    expect(await store.get(one)).toBe("one");
  });

  test("of a well-known path that is damaged is not made anew", async () => {
    const store = await open();
    await store.putByPath("system/x", SENTINEL);
    const data = peer.entries.get(`${PREFIX}/paths/system/x`)?.at(-1)?.data;
    if (data !== undefined) data["record"] = "";
    await expect(store.ensure("system/x", () => "new")).rejects.toMatchObject({ code: "damaged" });
  });

  test("is deleted with its metadata and all versions", async () => {
    const store = await open();
    const ref = await store.put("a", SENTINEL);
    await store.putByPath("system/x", "one");
    await store.putByPath("system/x", "two");
    expect(peer.entries.get(`${PREFIX}/paths/system/x`)).toHaveLength(2);
    await store.delete(ref);
    await store.deleteByPath("system/x");
    expect([...peer.entries.keys()]).toEqual([]);
  });

  test("that an operator deleted softly counts as gone, and is made anew once", async () => {
    const store = await open();
    await store.putByPath("system/x", "one");
    peer.deleteSoftly(`${PREFIX}/paths/system/x`);
    expect(await store.getByPath("system/x")).toBeUndefined();
    const values = await Promise.all(Array.from({ length: 20 }, (_, index) => store.ensure("system/x", () => `value ${index}`)));
    expect(new Set(values).size).toBe(1);
    expect(peer.entries.get(`${PREFIX}/paths/system/x`)).toHaveLength(2);
  });

  test("of two servers with different prefixes is the own of each", async () => {
    const [one, two] = [await open(`openbao+http://${peer.host}/secret/one`), await open(`openbao+http://${peer.host}/secret`)];
    const ref = await one.put("a", "one");
    expect(await two.get(ref)).toBeUndefined();
    expect(await two.sweep(new Set(), new Date(Date.now() + 60_000))).toBe(0);
    expect(await one.get(ref)).toBe("one");
  });
});

describe("a request", () => {
  test("is sent again when the answer is lost, and stores one value", async () => {
    const store = await openImpatient();
    peer.loseAnswers = 1;
    const ref = await store.put("a", "one");
    peer.loseAnswers = 2;
    const value = await store.ensure("system/x", () => "generated");
    expect([await store.get(ref), value, await store.getByPath("system/x")]).toEqual(["one", "generated", "generated"]);
    expect([...peer.entries.values()].map((versions) => versions.length)).toEqual([1, 1]);
  });

  test.each([500, 502, 503, 504, 429, 412, 473])("is sent again after %d, and not for ever", async (status) => {
    const store = await openImpatient();
    const ref = await store.put("a", "one");
    peer.instead.push({ status }, { status });
    expect(await store.get(ref)).toBe("one");
    peer.requests.length = 0;
    peer.instead.push(...Array.from({ length: 10 }, () => ({ status, body: SENTINEL })));
    const error: unknown = await store.get(ref).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "unavailable" });
    expect(inspect(error, { depth: 10 })).not.toContain("s3ntinel");
    expect(peer.requests).toHaveLength(4);
  });

  test.each([400, 401, 405, 418])("is not sent again after %d", async (status) => {
    const store = await openImpatient();
    const ref = await store.put("a", "one");
    peer.requests.length = 0;
    peer.instead.push({ status, body: JSON.stringify({ errors: [SENTINEL] }) });
    await expect(store.get(ref)).rejects.toMatchObject({ code: "unavailable" });
    expect(peer.requests).toHaveLength(1);
  });

  test("waits as long as the server asks for", async () => {
    const store = await openImpatient();
    const ref = await store.put("a", "one");
    peer.instead.push({ status: 429, headers: { "retry-after": "1" } });
    const startedAt = performance.now();
    expect(await store.get(ref)).toBe("one");
    expect(performance.now() - startedAt).toBeGreaterThan(950);
  });

  test("that is not answered ends in time", async () => {
    const store = await openImpatient(50);
    peer.silent = true;
    await expect(store.get(`openbao:${"0".repeat(32)}`)).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
  });

  test.each([
    ["that is not JSON", { status: 200, body: `{"data":{"data":{"record":"${SENTINEL}"` }],
    ["without what was asked for", { status: 200, body: JSON.stringify({ data: { data: SENTINEL } }) }],
    ["that is empty", { status: 200 }],
    ["of more than 1 MiB", { status: 200, body: JSON.stringify({ data: SENTINEL.repeat(60_000) }) }],
    ["that redirects to a scheme without TLS or elsewhere", { status: 307, headers: { location: "ftp://127.0.0.1/" } }],
    ["that redirects in circles", { status: 307, headers: { location: "/v1/sys/redirected" } }],
  ])("does not take an answer %s, and does not show it", async (_, answer) => {
    const store = await openImpatient();
    peer.instead.push(answer, answer);
    const error: unknown = await store.get(`openbao:${"0".repeat(32)}`).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "SecretStoreError", code: "unavailable" });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3ntinel");
  });

  test("follows a standby node to the active one", async () => {
    const active = await new Kv2Peer().listen();
    try {
      const store = await openImpatient();
      active.tokens.set(peer.token, { expiresAtMs: Infinity, renewable: false, ttlSeconds: 0, slackSeconds: 0, allowed: true });
      peer.instead.push({ status: 307, headers: { location: `${active.origin}/v1/secret/data/${PREFIX}/paths/system/x` } });
      await store.putByPath("system/x", "on the active node");
      expect(active.entries.get(`${PREFIX}/paths/system/x`)).toHaveLength(1);
      expect(peer.entries.size).toBe(0);
    } finally {
      await active.stop();
    }
  });
});

describe("the server's state", () => {
  test("sealed is unhealthy and unavailable, and passes", async () => {
    const store = await openImpatient();
    const ref = await store.put("a", "one");
    peer.sealed = true;
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.get(ref)).rejects.toMatchObject({ code: "unavailable", message: expect.stringContaining("sealed") as string });
    peer.sealed = false;
    await store.healthcheck();
    expect(await store.get(ref)).toBe("one");
  });

  test("healthy with a token that may not read is unhealthy", async () => {
    const store = await openImpatient();
    const token = peer.tokens.get(peer.token);
    if (token !== undefined) token.allowed = false;
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "denied" });
  });

  test("without the engine is not taken for one without secrets", async () => {
    const store = await openImpatient();
    const ref = await store.put("a", "one");
    peer.mounted = false;
    await expect(store.get(ref)).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.delete(ref).then(() => store.getByPath("system/x"))).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.ensure("system/x", () => "new")).rejects.toMatchObject({ code: "unavailable" });
    await expect(store.healthcheck()).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("the token", () => {
  test("is renewed before its time is over, again and again", async () => {
    const token = "s.short-lived-token";
    peer.addToken(token, { ttlSeconds: 1, slackSeconds: 3, renewable: true });
    await writeFile(tokenFile, token);
    const end = peer.tokens.get(token)?.expiresAtMs ?? Number.POSITIVE_INFINITY;
    const store = await open();
    const ref = await store.put("a", "one");
    const renewals = (): number => peer.requests.filter(({ url }) => url === "/v1/auth/token/renew-self").length;
    await vi.waitFor(() => expect([renewals() >= 3, Date.now() > end]).toEqual([true, true]), { timeout: 60_000 });
    expect(await store.get(ref)).toBe("one");
  });

  test("is renewed later when renewing fails, and the failure is told", async () => {
    const token = "s.short-lived-token";
    peer.addToken(token, { ttlSeconds: 2, slackSeconds: 5, renewable: true });
    await writeFile(tokenFile, token);
    const warnings: string[] = [];
    const log = { warn: (fields: { err: unknown }, message: string) => warnings.push(`${message} ${inspect(fields)}`) };
    const store = await openOpenBao(new URL(options().url), { ...options(), log }, { requestTimeoutMs: 1_000, retryDelayMs: 1 });
    stores.push(store);
    peer.instead.push(...Array.from({ length: 4 }, () => ({ status: 500 })));
    await vi.waitFor(() => expect(peer.requests.filter(({ url }) => url.endsWith("renew-self")).length).toBeGreaterThanOrEqual(5), {
      timeout: 60_000,
    });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toContain(token);
    expect(await store.getByPath("system/x")).toBeUndefined();
  });

  test("is not renewed any more once the store is closed", async () => {
    const token = "s.short-lived-token";
    peer.addToken(token, { ttlSeconds: 1, slackSeconds: 3, renewable: true });
    await writeFile(tokenFile, token);
    const store = await open();
    await store.close();
    peer.requests.length = 0;
    // It would have been renewed three seconds before.
    await vi.waitFor(() => expect(peer.tokens.get(token)?.expiresAtMs).toBeLessThan(Date.now()), { timeout: 60_000 });
    expect(peer.requests).toEqual([]);
  });

  test("is left alone when the store is closed in the middle of a renewal", async () => {
    const token = "s.short-lived-token";
    peer.addToken(token, { ttlSeconds: 1, slackSeconds: 3, renewable: true });
    await writeFile(tokenFile, token);
    const warnings: string[] = [];
    const store = await openSecretStore({ ...options(), log: { warn: (_, message) => warnings.push(message) } });
    peer.silent = true;
    const renewals = (): number => peer.requests.filter(({ url }) => url.endsWith("renew-self")).length;
    await vi.waitFor(() => expect(renewals()).toBe(1), { timeout: 60_000 });
    await store.close();
    await vi.waitFor(() => expect(peer.tokens.get(token)?.expiresAtMs).toBeLessThan(Date.now()), { timeout: 60_000 });
    expect([renewals(), warnings]).toEqual([1, []]);
  });

  test("is read from its file again when it was replaced there", async () => {
    const store = await open();
    const ref = await store.put("a", "one");
    peer.addToken("s.another-token", { ttlSeconds: 0, renewable: false });
    peer.tokens.delete(peer.token);
    await expect(store.get(ref)).rejects.toMatchObject({ code: "denied" });
    await writeFile(tokenFile, "s.another-token");
    expect(await store.get(ref)).toBe("one");
  });

  test("appears in no log line and no error while the store is open", async () => {
    const store = await openImpatient();
    expect(redactText(`token ${peer.token} used`)).not.toContain(peer.token);
    await peer.stop();
    const error: unknown = await store.healthcheck().catch((caught: unknown) => caught);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(peer.token);
  });

  test.each(["", "\n", "two tokens", "a\nb", "é", "x".repeat(17_000)])("must be one token: %j", async (content) => {
    await writeFile(tokenFile, content);
    await expect(open()).rejects.toMatchObject({ code: "denied", message: expect.stringContaining("WHS_SECRETS_TOKEN_FILE") as string });
  });

  test("must be there", async () => {
    await rm(tokenFile);
    await expect(open()).rejects.toMatchObject({ code: "denied", message: expect.stringContaining(tokenFile) as string });
  });

  test("and the namespace are sent, in headers alone", async () => {
    peer.namespace = "team/one";
    const store = await open(`openbao+http://${peer.host}/secret/${PREFIX}?namespace=team%2Fone`);
    await store.put("a", "one");
    await store.healthcheck();
    expect(peer.requests.map(({ url }) => url).join(" ")).not.toContain(peer.token);
    await expect(open()).rejects.toMatchObject({ code: "denied" });
  });
});

describe("SECRETS_URL", () => {
  test("may name a mount with slashes", async () => {
    const nested = await new Kv2Peer("kv/team").listen();
    try {
      await writeFile(tokenFile, nested.token);
      const store = await open(`openbao+http://${nested.host}/kv%2Fteam/whs`);
      await store.putByPath("system/x", "one");
      expect([...nested.entries.keys()]).toEqual(["whs/paths/system/x"]);
    } finally {
      await nested.stop();
    }
  });

  test.each([
    ["openbao+https://user:s3ntinel@vault/x", /no credentials/],
    ["openbao+http://vault.example.com:8200/secret", /must be openbao\+https/],
    ["openbao+http://10.0.0.1/secret", /must be openbao\+https/],
    ["openbao+https://vault.example.com", /mount and prefix/],
    ["openbao+https://vault.example.com/secret/../x/%2e", /mount and prefix|it should be like/],
    ["openbao+https://vault.example.com/secret//x", /mount and prefix/],
    ["openbao+https://vault.example.com/secret?token=s3ntinel", /not token/],
    ["openbao+https://vault.example.com/secret?namespace=a%0d%0ab", /namespace/],
    ["openbao+https:///secret", /it should be like|is not a URL/],
  ])("%j stops the start, says why and does not repeat it", async (url, message) => {
    const error: unknown = await openSecretStore(options(url)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toMatch(message);
    expect((error as ConfigurationError).message).not.toContain("s3ntinel");
  });

  test("may do without TLS beyond loopback when the operator insists", async () => {
    const error: unknown = await openSecretStore({ ...options("openbao+http://host.invalid/secret"), allowHttp: true }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ name: "SecretStoreError", code: "unavailable" });
  });

  test("needs a token file", async () => {
    await expect(openSecretStore({ ...options(), tokenFile: undefined })).rejects.toThrow(/WHS_SECRETS_TOKEN_FILE is missing/);
  });

  test.each([
    { type: "kv", options: { version: "1" } },
    { type: "transit", options: { version: "2" } },
  ])("must name an engine of the right kind, not %j", async (engine) => {
    peer.engine = engine;
    await expect(open()).rejects.toThrow(/type kv, version 2/);
  });
});
