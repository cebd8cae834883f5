import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { basic, CREDENTIALS, LocalService } from "./local-service.ts";

describe("the image registry", () => {
  let local: LocalService;
  beforeAll(async () => {
    local = await LocalService.start({ AGENTCORE_LOCAL_REGISTRY_MB: "16" });
  });
  afterAll(() => local.close());

  const send = (method: string, path: string, init: { body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {}) =>
    fetch(new URL(path, local.service.url), { method, ...init, headers: { authorization: basic(CREDENTIALS), ...init.headers } });
  const digestOf = (bytes: string | Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const codeOf = async (response: Response) => ((await response.json()) as { errors: { code: string }[] }).errors[0]?.code;

  async function startUpload(repository: string): Promise<string> {
    const response = await send("POST", `/v2/${repository}/blobs/uploads/`);
    expect(response.status).toBe(202);
    return response.headers.get("location") ?? "";
  }

  async function pushBlob(repository: string, bytes: string): Promise<string> {
    const digest = digestOf(bytes);
    const response = await send("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes });
    expect(response.status).toBe(201);
    return digest;
  }

  test("nobody without the credentials reads or writes", async () => {
    for (const authorization of ["", "Basic x", basic({ ...CREDENTIALS, secretAccessKey: "wrong" })]) {
      const response = await send("GET", "/v2/", { headers: { authorization } });
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, 'Basic realm="agentcore-local"']);
    }
    expect((await send("GET", "/v2/")).status).toBe(200);
  });

  test("a blob arrives in chunks, each where the last one ended, and is read whole or in part", async () => {
    const location = await startUpload("a/chunks");
    const first = await send("PATCH", location, { body: "hello ", headers: { "content-range": "0-5" } });
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-5"]);
    const wrong = await send("PATCH", location, { body: "again", headers: { "content-range": "0-4" } });
    expect([wrong.status, await codeOf(wrong)]).toEqual([416, "RANGE_INVALID"]);
    const where = await send("GET", location);
    expect([where.status, where.headers.get("range")]).toEqual([204, "0-5"]);
    await send("PATCH", location, { body: "world", headers: { "content-range": "6-10" } });
    const digest = digestOf("hello world");
    expect((await send("PUT", `${location}?digest=${digest}`)).status).toBe(201);
    expect(await (await send("GET", `/v2/a/chunks/blobs/${digest}`)).text()).toBe("hello world");
    const part = await send("GET", `/v2/a/chunks/blobs/${digest}`, { headers: { range: "bytes=6-" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 6-10/11", "world"]);
  });

  test("bytes with another digest than they should have are refused and kept nowhere", async () => {
    const location = await startUpload("a/wrong");
    const digest = digestOf("something else");
    const response = await send("PUT", `${location}?digest=${digest}`, { body: "something" });
    expect([response.status, await codeOf(response)]).toEqual([400, "DIGEST_INVALID"]);
    expect((await send("HEAD", `/v2/a/wrong/blobs/${digest}`)).status).toBe(404);
    expect((await send("GET", location)).status).toBe(404);
  });

  test("a repository has only what was pushed to it or mounted into it", async () => {
    const digest = await pushBlob("a/source", "shared");
    expect((await send("HEAD", `/v2/a/target/blobs/${digest}`)).status).toBe(404);
    const unknown = await send("POST", `/v2/a/target/blobs/uploads/?mount=${digest}&from=a/none`);
    expect(unknown.status).toBe(202);
    expect((await send("POST", `/v2/a/target/blobs/uploads/?mount=${digest}&from=a/source`)).status).toBe(201);
    expect((await send("HEAD", `/v2/a/target/blobs/${digest}`)).status).toBe(200);
  });

  test("a manifest needs its blobs; it is found by tag and digest, listed, and deleted with its tags", async () => {
    const config = await pushBlob("a/app", "{}");
    const manifest = (digest: string) =>
      JSON.stringify({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: { digest }, layers: [] });
    const missing = await send("PUT", "/v2/a/app/manifests/v1", { body: manifest(digestOf("none")) });
    expect([missing.status, await codeOf(missing)]).toEqual([404, "MANIFEST_BLOB_UNKNOWN"]);
    const text = manifest(config);
    expect((await send("PUT", "/v2/a/app/manifests/v1", { body: text })).headers.get("docker-content-digest")).toBe(digestOf(text));
    for (const reference of ["v1", digestOf(text)]) {
      const found = await send("GET", `/v2/a/app/manifests/${reference}`);
      expect([found.headers.get("content-type"), await found.text()]).toEqual(["application/vnd.oci.image.manifest.v1+json", text]);
    }
    const mislabelled = await send("PUT", `/v2/a/app/manifests/${digestOf("x")}`, { body: text });
    expect(await codeOf(mislabelled)).toBe("DIGEST_INVALID");
    expect(await (await send("GET", "/v2/a/app/tags/list")).json()).toEqual({ name: "a/app", tags: ["v1"] });
    expect((await send("DELETE", `/v2/a/app/manifests/${digestOf(text)}`)).status).toBe(202);
    expect(await codeOf(await send("GET", "/v2/a/app/manifests/v1"))).toBe("MANIFEST_UNKNOWN");
  });

  test("names and digests lead to no other file, and what is too much is refused", async () => {
    for (const path of [
      "/v2/a/../../state.key/blobs/sha256:x",
      "/v2/A/manifests/x",
      "/v2/a/manifests/..%2F..%2Fstate.key",
      `/v2/a/blobs/..%2F${"0".repeat(64)}`,
      "/v2/a/blobs/uploads/..%2Fx",
    ])
      expect([path, (await send("GET", path)).ok]).toEqual([path, false]);
    const location = await startUpload("a/large");
    const large = await send("PATCH", location, { body: randomBytes(17 * 1024 * 1024) }).catch(() => null);
    expect(large === null || large.status === 413).toBe(true);
    expect((await send("GET", "/v2/")).status).toBe(200);
  });

  test("what was pushed is there after a restart, an unfinished upload too", async () => {
    const digest = await pushBlob("a/lasting", "lasting");
    const location = await startUpload("a/lasting");
    await send("PATCH", location, { body: "half", headers: { "content-range": "0-3" } });
    await local.restart();
    expect(await (await send("GET", `/v2/a/lasting/blobs/${digest}`)).text()).toBe("lasting");
    expect((await send("GET", location)).headers.get("range")).toBe("0-3");
  });
});
