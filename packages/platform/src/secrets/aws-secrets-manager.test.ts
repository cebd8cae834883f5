import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { accessKeyId, secretAccessKey } from "../aws/testing/signature-v4.ts";
import { ConfigurationError } from "../config/index.ts";
import { openAwsSecretsManager } from "./aws-secrets-manager.ts";
import { openSecretStore, type SecretStore } from "./index.ts";
import { describeSecretStore } from "./testing/conformance.ts";
import { SecretsManagerPeer } from "./testing/secrets-manager-peer.ts";

const SENTINEL = "s3ntinel-value-7f3a";
const stores: SecretStore[] = [];
let peer: SecretsManagerPeer;

beforeEach(async () => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
  vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
  peer = await new SecretsManagerPeer().listen();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const store of stores.splice(0)) await store.close();
  await peer.stop();
});

const urlOf = (query = ""): string => `aws-sm://eu-central-1/whs/prod?endpoint=${encodeURIComponent(peer.origin)}${query}`;
const openUrl = (url: string): Promise<SecretStore> => openSecretStore({ url, dataDir: "unused", masterKeyFile: "unused" });

async function open(query?: string): Promise<SecretStore> {
  const store = await openUrl(urlOf(query));
  stores.push(store);
  return store;
}

const nameOf = (ref: string): string => `whs/prod/refs/${ref.split(":")[1] ?? ""}`;

function secretOf(ref: string): { binary: string } {
  const secret = peer.secrets.get(nameOf(ref));
  if (secret === undefined) throw new Error("there is no such secret");
  return secret;
}

describeSecretStore("aws", async () => ({
  open: () => openUrl(urlOf()),
  faults: {
    damage: async (ref) => {
      const record = Buffer.from(secretOf(ref).binary, "base64");
      record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
      secretOf(ref).binary = record.toString("base64");
    },
    deny: async () => {
      peer.denied = true;
    },
    stop: () => peer.stop(),
  },
  close: () => peer.stop(),
}));

/** A service of one's own, for a check beyond the peer: a URL as SECRETS_URL takes it, credentials as the SDK takes them. */
const realUrl = process.env["TEST_AWS_SM_URL"];
if (realUrl !== undefined) {
  const real = { open: () => openUrl(realUrl), close: () => Promise.resolve() };
  describeSecretStore("a real service", () => Promise.resolve(real), { withFaults: false });
}

describe("a request", () => {
  test("is signed: one with another key is denied", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "another");
    await expect(open()).rejects.toMatchObject({ name: "SecretStoreError", code: "denied" });
    vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIAANOTHER");
    await expect(open()).rejects.toMatchObject({ name: "SecretStoreError", code: "denied" });
    expect(peer.requests.every(({ headers }) => headers.authorization?.startsWith("AWS4-HMAC-SHA256 Credential=AKIA"))).toBe(true);
  });

  test("without credentials is denied", async () => {
    vi.stubEnv("AWS_ACCESS_KEY_ID", "");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "");
    vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    await expect(open()).rejects.toMatchObject({ name: "SecretStoreError", code: "denied" });
    expect(peer.requests).toEqual([]);
  });

  test("that was carried out, and its answer lost, is sent again and stores one value", async () => {
    const store = await open();
    peer.loseAnswers = 1;
    const ref = await store.put("a", "one");
    await store.putByPath("system/x", "one");
    peer.loseAnswers = 1;
    await store.putByPath("system/x", "two");
    peer.loseAnswers = 1;
    const value = await store.ensure("system/y", () => "generated");
    expect([await store.get(ref), await store.getByPath("system/x"), value]).toEqual(["one", "two", "generated"]);
    expect(peer.secrets.size).toBe(3);
  });

  test("that is throttled is sent again", async () => {
    const store = await open();
    const throttled = {
      status: 400,
      headers: { "content-type": "application/x-amz-json-1.1" },
      body: JSON.stringify({ __type: "ThrottlingException" }),
    };
    peer.instead.push(throttled, throttled, { status: 500 });
    await store.putByPath("system/x", "one");
    expect(await store.getByPath("system/x")).toBe("one");
  });

  test("that is not answered ends in time", async () => {
    const timeouts = { connectionTimeout: 1_000, requestTimeout: 50, socketTimeout: 1_000 };
    const store = await openAwsSecretsManager(new URL(urlOf()), { url: urlOf(), dataDir: "", masterKeyFile: "" }, timeouts);
    stores.push(store);
    peer.silent = true;
    await expect(store.get(`aws-sm:${"0".repeat(32)}:1`)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("does not show an answer that it cannot read", async () => {
    const store = await open();
    const ref = await store.put("a", SENTINEL);
    const broken = `{"SecretBinary":"${SENTINEL}`;
    peer.instead.push(
      ...Array.from({ length: 5 }, () => ({ status: 200, headers: { "content-type": "application/x-amz-json-1.1" }, body: broken })),
    );
    const error: unknown = await store.get(ref).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: "SecretStoreError", code: "unavailable" });
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3ntinel");
  });
});

describe("a secret", () => {
  test("has the path as its description, the key that the URL names, and a name that tells neither", async () => {
    const store = await open("&kms-key=alias%2Fwhs");
    await store.put("agents/agt_1/STRIPE_KEY", SENTINEL);
    await store.putByPath("system/telemetry-secret", SENTINEL);
    const secrets = [...peer.secrets];
    expect(secrets.map(([, secret]) => [secret.description, secret.kmsKeyId])).toEqual([
      ["agents/agt_1/STRIPE_KEY", "alias/whs"],
      ["system/telemetry-secret", "alias/whs"],
    ]);
    expect(secrets.map(([name]) => name.replaceAll(/[0-9a-f]{32,}/g, "…"))).toEqual(["whs/prod/refs/…", "whs/prod/paths/…"]);
  });

  test("is stored in as many parts as it needs, and none is left when it is deleted", async () => {
    const store = await open();
    const ref = await store.put("a", "x".repeat(48 * 1024));
    expect(peer.secrets.size).toBe(2);
    const largest = await store.put("a", "x".repeat(256 * 1024));
    expect(peer.secrets.size).toBe(2 + 6);
    await store.delete(ref);
    await store.delete(largest);
    expect(peer.secrets.size).toBe(0);
  });

  test("with a part missing or exchanged is damaged", async () => {
    const store = await open();
    const [one, two] = [await store.put("a", "1".repeat(100_000)), await store.put("a", "2".repeat(100_000))];
    const part = peer.secrets.get(`${nameOf(one)}.2`);
    const other = peer.secrets.get(`${nameOf(two)}.2`);
    if (part === undefined || other === undefined) throw new Error("there is no second part");
    const original = part.binary;
    part.binary = other.binary;
    await expect(store.get(one)).rejects.toMatchObject({ code: "damaged" });
    part.binary = original;
    expect(await store.get(one)).toHaveLength(100_000);
    peer.secrets.delete(`${nameOf(one)}.2`);
    await expect(store.get(one)).rejects.toMatchObject({ code: "damaged" });
  });

  test("of which a part cannot be stored leaves none", async () => {
    // Twice is enough: the client asks again, ever later, before it gives up.
    const store = await openAwsSecretsManager(new URL(urlOf()), { url: urlOf(), dataDir: "", masterKeyFile: "" }, undefined, 2);
    stores.push(store);
    peer.quota = 2;
    const [put, putByPath] = await Promise.allSettled([store.put("a", "x".repeat(100_000)), store.putByPath("a", "x".repeat(100_000))]);
    expect(put).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    expect(putByPath).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    expect(peer.secrets.size).toBe(0);
  });

  test("replaced at its well-known path leaves no parts of the old value", async () => {
    const store = await open();
    for (const value of ["x".repeat(100_000), "y".repeat(200_000), "short"]) await store.putByPath("system/x", value);
    expect(peer.secrets.size).toBe(1);
  });

  test("that many ensure at once leaves no parts of the values that were not taken", async () => {
    const store = await open();
    const values = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store.ensure("system/x", () => String(index).repeat(100_000))),
    );
    expect(new Set(values).size).toBe(1);
    expect(peer.secrets.size).toBe(1 + 3);
  });

  test("whose writer was killed between its parts and its path is swept, and others are not", async () => {
    const store = await open();
    await store.putByPath("system/x", "x".repeat(100_000));
    await store.putByPath("system/y", "y".repeat(100_000));
    const head = [...peer.secrets.keys()].find((name) => name.includes("/paths/"));
    peer.secrets.delete(head ?? "");
    const later = new Date(Date.now() + 60_000);
    await store.sweep(new Set(), later);
    expect(await store.getByPath("system/x")).toBeUndefined();
    expect(await store.getByPath("system/y")).toHaveLength(100_000);
    expect(peer.secrets.size).toBe(1 + 3);
  });

  test("that is swept from among many is found on whatever page", async () => {
    peer.pageSize = 3;
    const store = await open();
    const refs = await Promise.all(Array.from({ length: 10 }, (_, index) => store.put("a", `value ${index}`)));
    const known = new Set(refs.slice(0, 4));
    expect(await store.sweep(known, new Date(Date.now() + 60_000))).toBe(6);
    expect(peer.secrets.size).toBe(4);
  });
});

describe("a deletion", () => {
  test("is at once by default, with the name soon free again", async () => {
    const store = await open();
    peer.deletionLag = 3;
    await store.putByPath("system/x", "one");
    await store.deleteByPath("system/x");
    expect(await store.getByPath("system/x")).toBeUndefined();
    const values = await Promise.all(Array.from({ length: 5 }, (_, index) => store.ensure("system/x", () => `value ${index}`)));
    expect(new Set(values).size).toBe(1);
    await store.deleteByPath("system/x");
    await store.putByPath("system/x", "two");
    expect(await store.getByPath("system/x")).toBe("two");
  });

  test("leaves the time that recovery-days names, and the secret is gone for this server", async () => {
    const store = await open("&recovery-days=7");
    const ref = await store.put("a", SENTINEL);
    await store.delete(ref);
    await store.delete(ref);
    expect(await store.get(ref)).toBeUndefined();
    expect(peer.secrets.get(nameOf(ref))?.deletedAt?.getTime()).toBeGreaterThan(Date.now() + 6.9 * 86_400_000);
    await store.putByPath("system/x", "one");
    await store.deleteByPath("system/x");
    expect([...peer.secrets.keys()]).toEqual([nameOf(ref)]);
  });
});

describe("SECRETS_URL", () => {
  test.each([
    ["aws-sm://key:s3ntinel@eu-central-1/whs", /no credentials/],
    ["aws-sm://eu-central-1", /needs a prefix/],
    ["aws-sm://eu-central-1/", /needs a prefix/],
    ["aws-sm://eu-central-1/a//b", /needs a prefix/],
    ["aws-sm://somewhere/whs", /not an AWS region/],
    ["aws-sm:///whs", /not an AWS region/],
    ["aws-sm://eu-central-1/whs?recovery-days=3", /7 to 30/],
    ["aws-sm://eu-central-1/whs?secret=s3ntinel", /not secret/],
    ["aws-sm://eu-central-1/whs?endpoint=http://example.com", /must be https/],
    ["aws-sm://eu-central-1/whs?endpoint=https://a:s3ntinel@example.com", /without credentials/],
    ["aws-sm://eu-central-1/whs?endpoint=s3ntinel", /should be like/],
  ])("%j stops the start, says why and does not repeat it", async (url, message) => {
    const error: unknown = await openUrl(url).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).message).toMatch(message);
    expect((error as ConfigurationError).message).not.toContain("s3ntinel");
  });
});
