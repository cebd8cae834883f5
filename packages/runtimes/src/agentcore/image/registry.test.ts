import { mkdtemp, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { REGISTRY_USER, type RegistryProcess, startRegistry } from "../testing/registry-process.ts";
import { type RegistryFront, startFront } from "../testing/registry-front.ts";
import { baseFromRegistry } from "./base.ts";
import { type Layer, writeLayer } from "./layer.ts";
import { publishImage } from "./publish.ts";
import { Registry } from "./registry.ts";

let directory: string;
let real: RegistryProcess;
let front: RegistryFront;
const execution = { entrypoint: ["/node"], env: [], workingDir: "/", user: "0:0", ports: [8080] };

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "whs-push-"));
  real = await startRegistry();
  front = await startFront(real.origin);
});
afterAll(async () => {
  await front.close();
  await real.close();
  await rm(directory, { recursive: true });
});

/** A layer that compression does not shrink. */
async function layer(bytes: number): Promise<Layer> {
  return writeLayer([{ path: "noise", type: "file", mode: 0o644, content: randomBytes(bytes) }], directory);
}
const source = (made: Layer) => ({ ...made, open: async (start: number) => createReadStream(made.file, { start }) });
const baseOf = (made: Layer) => ({ architecture: "amd64" as const, nodePath: "/node", env: ["PATH=/bin"], layers: [source(made)] });

describe("a pushed image", () => {
  test("comes back with the digests that were sent, and its blobs are not sent twice", async () => {
    const registry = new Registry({ origin: real.origin, chunkBytes: 100_000 });
    const target = { registry, repository: "whs/agents" };
    const [base, app] = [await layer(350_000), await layer(1_000)];
    const first = await publishImage(target, baseOf(base), app, execution, "v1");
    expect(first.sent.map(({ outcome }) => outcome)).toEqual(["pushed", "pushed"]);
    const second = await publishImage(target, baseOf(base), app, execution, "v2");
    expect(second.sent.map(({ outcome }) => outcome)).toEqual(["exists", "exists"]);
    expect(second.image.digest).toBe(first.image.digest);
    expect((await registry.manifest("whs/agents", first.image.digest)).bytes).toEqual(first.image.manifest);
    expect(await registry.hasManifest("whs/agents", "v2")).toBe(true);
    expect(await registry.hasManifest("whs/agents", "v3")).toBe(false);
    const pulled = await baseFromRegistry({
      reference: { registry, repository: "whs/agents", reference: "v1" },
      architecture: "amd64",
      nodePath: "/node",
    });
    expect(pulled.layers.map(({ digest, diffId }) => ({ digest, diffId }))).toEqual(
      [base, app].map(({ digest, diffId }) => ({ digest, diffId })),
    );
  });

  test("takes layers over from another repository of the registry, and from another registry", async () => {
    const registry = new Registry({ origin: real.origin });
    const base = await layer(20_000);
    await publishImage({ registry, repository: "base" }, baseOf(base), await layer(10), execution, "latest");
    const reference = { registry, repository: "base", reference: "latest" };
    const mounted = await publishImage(
      { registry, repository: "mounted" },
      await baseFromRegistry({ reference, architecture: "amd64", nodePath: "/node" }),
      await layer(10),
      execution,
      "v1",
    );
    expect(mounted.sent.map(({ outcome }) => outcome)).toEqual(["mounted", "mounted", "pushed"]);
    const other = await startRegistry();
    try {
      const copied = await publishImage(
        { registry: new Registry({ origin: other.origin, chunkBytes: 7_000 }), repository: "copied" },
        await baseFromRegistry({ reference, architecture: "amd64", nodePath: "/node" }),
        await layer(10),
        execution,
        "v1",
      );
      expect(copied.sent.map(({ outcome }) => outcome)).toEqual(["pushed", "pushed", "pushed"]);
    } finally {
      await other.close();
    }
  });
});

test("an upload whose part is lost goes on where the registry stopped", async () => {
  const registry = new Registry({ origin: front.origin, chunkBytes: 200_000, backoffMs: 1 });
  const blob = await layer(1_000_000);
  front.cuts.push(1_000_000, 0, 0, 1_000_000, 0);
  expect(await registry.pushBlob("resumed", source(blob))).toBe("pushed");
  expect(front.cuts).toEqual([]);
  expect(await registry.hasBlob("resumed", blob.digest)).toBe(true);
  // One upload, asked how far it is after each loss, and not begun anew.
  expect(front.asked.filter((line) => line.startsWith("POST /v2/resumed/"))).toHaveLength(1);
  expect(front.asked.filter((line) => line.startsWith("GET /v2/resumed/blobs/uploads/"))).toHaveLength(3);
});

test("an upload that the registry gives up after half a part is begun anew", async () => {
  const registry = new Registry({ origin: front.origin, chunkBytes: 200_000, backoffMs: 1 });
  const blob = await layer(600_000);
  front.cuts.push(1_000_000, 70_000);
  expect(await registry.pushBlob("anew", source(blob))).toBe("pushed");
  expect(await registry.hasBlob("anew", blob.digest)).toBe(true);
});

test("a registry that stays away is an error that says so and is worth another try", async () => {
  const gone = await startFront(real.origin);
  await gone.close();
  const registry = new Registry({ origin: gone.origin, backoffMs: 1 });
  await expect(registry.pushBlob("x", source(await layer(10)))).rejects.toMatchObject({ name: "RegistryError", retryable: true });
});

test("a blob whose bytes are not those of its digest is refused", async () => {
  const registry = new Registry({ origin: front.origin });
  const blob = await layer(5_000);
  await registry.pushBlob("checked", source(blob));
  front.spoil = true;
  await expect(registry.blob("checked", blob, 1e6)).rejects.toThrow(/other bytes/);
  expect((await registry.blob("checked", blob, 1e6)).length).toBe(blob.size);
});

test("a push whose bytes are not those of its digest is refused by the registry", async () => {
  const registry = new Registry({ origin: real.origin, backoffMs: 1 });
  const blob = await layer(5_000);
  const lie = { ...source(blob), digest: `sha256:${"0".repeat(64)}` };
  await expect(registry.pushBlob("lies", lie)).rejects.toMatchObject({ status: 400 });
});

test("basic credentials are sent once they are asked for, and wrong ones are refused", async () => {
  const guarded = await startRegistry({ basicAuth: true });
  try {
    const right = new Registry({ origin: guarded.origin, credentials: async () => REGISTRY_USER });
    expect(await right.pushBlob("private", source(await layer(300)))).toBe("pushed");
    const wrong = new Registry({ origin: guarded.origin, credentials: async () => ({ ...REGISTRY_USER, password: "guess" }) });
    await expect(wrong.pushBlob("private", source(await layer(300)))).rejects.toMatchObject({ status: 401, retryable: false });
    const nobody = new Registry({ origin: guarded.origin });
    await expect(nobody.hasBlob("private", `sha256:${"1".repeat(64)}`)).rejects.toMatchObject({ status: 401 });
  } finally {
    await guarded.close();
  }
});

test("a bearer token is fetched from the realm of the challenge and used until it ends", async () => {
  const bearer = await startFront(real.origin, { bearer: true });
  try {
    const registry = new Registry({ origin: bearer.origin, credentials: async () => REGISTRY_USER });
    expect(await registry.pushBlob("tokens", source(await layer(300)))).toBe("pushed");
    expect(await registry.pushBlob("tokens", source(await layer(300)))).toBe("pushed");
    const fetched = bearer.asked.filter((line) => line.startsWith("GET /token?"));
    expect(fetched.map((line) => decodeURIComponent(line))).toEqual([
      expect.stringContaining("scope=repository:tokens:pull"),
      expect.stringContaining("scope=repository:tokens:pull,push"),
    ]);
  } finally {
    await bearer.close();
  }
});

test("an index leads to the image for the machine, and says when there is none", async () => {
  const registry = new Registry({ origin: real.origin });
  const target = { registry, repository: "multi" };
  const { image } = await publishImage(target, baseOf(await layer(100)), await layer(100), execution, "one");
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        digest: image.digest,
        size: image.manifest.length,
        platform: { os: "linux", architecture: "amd64" },
      },
    ],
  });
  const put = await fetch(`${real.origin}/v2/multi/manifests/all`, {
    method: "PUT",
    headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
    body: index,
  });
  expect(put.status).toBe(201);
  const reference = { registry, repository: "multi", reference: "all" };
  expect((await baseFromRegistry({ reference, architecture: "amd64", nodePath: "/n" })).layers).toHaveLength(2);
  await expect(baseFromRegistry({ reference, architecture: "arm64", nodePath: "/n" })).rejects.toThrow(/nothing for linux\/arm64/);
});
