import type { Deployment, InvokeResponse } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { openBlobStore } from "@whs/platform/blobs";
import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import type { RequestListener } from "node:http";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { packRepository, startArchiveHost, type TestArchiveHost } from "./archive-host.ts";
import { createAgent, deploymentEnd, manifestOf, requestDeployment } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

const maxUploadBytes = 256 * 1024;
const timeoutSeconds = 3;

let host: TestArchiveHost;
let plane: TestControlPlane;
let person: TestUser;
beforeAll(async () => {
  host = await startArchiveHost();
  plane = await startControlPlane({
    dataPlane: true,
    environment: {
      WHS_GITHUB_ARCHIVE_URL: host.url,
      WHS_GITHUB_ARCHIVE_SECONDS: String(timeoutSeconds),
      WHS_MAX_UPLOAD_BYTES: String(maxUploadBytes),
    },
  });
  person = await plane.user();
  await person.request("GET", "/v1/me");
  await plane.pool.query("update whs.users set subscription_tier = 'enterprise'");
});
afterAll(async () => {
  await plane.close();
  await host.close();
});

const agentSource = `export default { invoke: ({ messages }: any) => "from the repository: " + messages.at(-1).content };`;
const filesOf = (over: Record<string, string | Uint8Array> = {}) => ({
  "agent.config.json": manifestOf(),
  "agent.ts": agentSource,
  ...over,
});

let agents = 0;
async function request(repository: string, ref: string, body: Record<string, unknown> = {}, agentBody: Record<string, unknown> = {}) {
  agents += 1;
  const agentId = await createAgent(person, `repository-${agents}`, agentBody);
  const answer = await person.request<{ deployment: Deployment }>("POST", `/v1/agents/${agentId}/deployments`, {
    artifact: { type: "repo_ref", githubUrl: `https://github.com/${repository}`, ref },
    ...body,
  });
  expect(answer).toMatchObject({
    status: 202,
    body: {
      deployment: {
        status: "deploying",
        manifest: null,
        artifact: { type: "repo_ref", source: { githubUrl: `https://github.com/${repository}`, ref } },
      },
    },
  });
  return { agentId, deployment: answer.body.deployment };
}

/** Requests a deployment and gives it as it ends. */
async function outcome(...args: Parameters<typeof request>): Promise<Deployment> {
  return deploymentEnd(person, (await request(...args)).deployment.id);
}

/** Files of the blob store, whatever their names. */
const countBlobs = async (): Promise<number> =>
  (await readdir(path.join(plane.config.dataDir, "blobs"), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    .length;
const uploadOf = async (id: string | undefined) =>
  (
    await plane.pool.query<{ blob_key: string; sha256: string; size_bytes: string; user_id: string }>(
      "select * from whs.uploads where id = $1",
      [id],
    )
  ).rows[0];

describe("a deployment from a repository", () => {
  it("serves what the ref holds, says of which commit it is, and keeps the bytes that ran", async () => {
    const { archive, commit } = await packRepository({ files: filesOf({ "README.md": "# desk", "lib/x.txt": "x" }), folder: "desk-main" });
    host.serve("ada/desk", "main", archive);
    const { agentId, deployment } = await request("ada/desk", "main");
    const ended = await deploymentEnd(person, deployment.id);
    const checksum = `sha256:${createHash("sha256").update(archive).digest("hex")}`;
    expect(ended).toMatchObject({
      status: "active",
      errorMessage: null,
      manifest: { entrypoint: "agent.ts" },
      artifact: {
        type: "repo_ref",
        source: { githubUrl: "https://github.com/ada/desk", ref: "main" },
        resolved: { commit, checksum, sizeBytes: archive.length },
      },
    });
    const invoked = await person.request<InvokeResponse>("POST", `/v1/invoke/${agentId}`, { input: { prompt: "hi" } });
    expect(invoked.body.output.text).toBe("from the repository: hi");
    const files = await person.request<{ items: { path: string }[] }>("GET", `/v1/deployments/${deployment.id}/files`);
    expect(files.body.items.map(({ path: name }) => name)).toEqual(["README.md", "agent.config.json", "agent.ts", "lib/x.txt"]);

    const upload = await uploadOf(ended.artifact.resolved?.uploadId);
    const blobs = await openBlobStore(plane.config.blobUrl);
    expect(await buffer(await blobs.openRead(upload?.blob_key ?? ""))).toEqual(archive);
    const logged = await person.request<{ lines: { message: string }[] }>("GET", `/v1/deployments/${deployment.id}/logs`);
    expect(logged.body.lines.map(({ message }) => message)).toContain(`Fetched ada/desk at commit ${commit}.`);
    const audit = await person.request<{ items: { action: string; target: string; metadata: unknown }[] }>("GET", "/v1/audit");
    expect(audit.body.items).toContainEqual(
      expect.objectContaining({ action: "deployment.resolved", target: deployment.id, metadata: { agentId, commit } }),
    );
  });

  it("is of the branch with a slash, the tag or the commit that was asked for, and of a repository in another spelling", async () => {
    const { archive, commit } = await packRepository({ files: filesOf(), folder: "Desk-feature-x" });
    for (const ref of ["feature/x", "v1.0.0", commit, commit.slice(0, 7)]) {
      host.serve("ada/desk", ref, archive);
      expect(await outcome("ada/desk", ref)).toMatchObject({ status: "active", artifact: { resolved: { commit } } });
    }
    host.serve("ada/desk", "git", archive);
    expect(await outcome("ada/desk.git", "git")).toMatchObject({ status: "active" });
  });

  it("cannot be changed after it was resolved, nor used for another deployment by its bytes", async () => {
    const { archive } = await packRepository({ files: filesOf(), folder: "desk-still" });
    host.serve("ada/desk", "still", archive);
    const ended = await outcome("ada/desk", "still");
    await expect(
      plane.pool.query(`update whs.deployments set artifact = artifact || '{"resolved": {}}' where id = $1`, [ended.id]),
    ).rejects.toThrow("immutable");
    const other = await createAgent(person, "by-its-bytes");
    const answer = await person.request("POST", `/v1/agents/${other}/deployments`, {
      artifact: { type: "uploaded_bundle", uploadId: ended.artifact.resolved?.uploadId },
    });
    expect(answer.status).toBe(404);
  });

  it("is tried again when the host stumbles, and asks it no more once it has the bytes", async () => {
    const { archive } = await packRepository({ files: filesOf(), folder: "desk-stumble" });
    let asked = 0;
    host.serve("ada/desk", "stumble", (_request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(503).end();
      else if (asked === 2) {
        response.writeHead(200, { "content-length": String(archive.length) }).write(archive.subarray(0, 100));
        setImmediate(() => response.destroy());
      } else response.end(archive);
    });
    expect(await outcome("ada/desk", "stumble")).toMatchObject({ status: "active" });
    expect(asked).toBe(3);
  });
});

describe("a deployment from a repository that cannot be had fails", () => {
  let blobsBefore: number;
  beforeEach(async () => {
    blobsBefore = await countBlobs();
  });
  const nothingIsLeft = async ({ id }: Deployment): Promise<void> => {
    const { rows } = await plane.pool.query<{ artifact: object; manifest: unknown }>(
      "select artifact, manifest from whs.deployments where id = $1",
      [id],
    );
    expect(rows[0]?.artifact).not.toHaveProperty("resolved");
    expect(rows[0]?.manifest).toBeNull();
    expect(await countBlobs()).toBe(blobsBefore);
  };

  it.each<[string, string, RequestListener | undefined, string]>([
    [
      "when it is unknown or private, and says what to do",
      "nowhere",
      undefined,
      'ada/desk has no "nowhere", or is private: check the address and the ref. A private repository cannot be fetched; upload a bundle of it instead.',
    ],
    [
      "when the host redirects to another place, which is not asked",
      "moved",
      (_request, response) => response.writeHead(302, { location: `${host.url}/secret` }).end(),
      "redirects ada/desk elsewhere, which is not followed: use the repository's present address.",
    ],
    [
      "when it is too large",
      "large",
      (_request, response) => response.end(randomBytes(maxUploadBytes + 1)),
      "The archive of ada/desk has more than 256 KiB, which is the limit.",
    ],
    [
      "when its body comes too slowly",
      "slow",
      (_request, response) => void response.writeHead(200).write(Buffer.from([0x1f, 0x8b, 8])),
      `did not deliver the repository within ${timeoutSeconds} s.`,
    ],
    [
      "when it is no archive",
      "page",
      (_request, response) => response.end("<html>not an archive</html>"),
      "The archive does not say of which commit it is, so that it cannot be told later what ran.",
    ],
  ])("%s", async (_name, ref, listener, message) => {
    if (listener !== undefined) host.serve("ada/desk", ref, listener);
    const ended = await outcome("ada/desk", ref);
    expect(ended).toMatchObject({ status: "failed", errorMessage: expect.stringContaining(message) });
    expect(host.requests).not.toContain("/secret");
    await nothingIsLeft(ended);
  });

  it("when the archive is of another commit than the one that was asked for or named", async () => {
    const { archive, commit } = await packRepository({ files: filesOf(), folder: "desk-x" });
    const other = "0".repeat(40);
    host.serve("ada/desk", other, archive);
    host.serve("ada/desk", "named", archive);
    const byRef = await outcome("ada/desk", other);
    expect(byRef).toMatchObject({ status: "failed", errorMessage: `The archive is of commit ${commit}, not of ${other}.` });
    await nothingIsLeft(byRef);
    const byName = await outcome("ada/desk", "named", { commitHash: "1234567" });
    expect(byName).toMatchObject({ status: "failed", errorMessage: `"named" is at commit ${commit}, not at 1234567 as commitHash says.` });
    expect(await outcome("ada/desk", "named", { commitHash: commit.slice(0, 12).toUpperCase() })).toMatchObject({ status: "active" });
  });

  it.each<[string, () => Promise<Buffer | Uint8Array>, string]>([
    [
      "a symbolic link",
      async () => (await packRepository({ files: filesOf({ "passwords.txt": "->/etc/passwd" }), folder: "desk-hostile" })).archive,
      '"desk-hostile/passwords.txt": symbolic links are not allowed',
    ],
    [
      "a bomb",
      async () =>
        (await packRepository({ files: filesOf({ "zeros.bin": Buffer.alloc(32 * 1024 * 1024) }), folder: "desk-hostile" })).archive,
      "times its compressed size, which is the limit",
    ],
    [
      "no folder around its files",
      async () => (await packRepository({ files: filesOf() })).archive,
      "it does not lie in the one folder that the archive must consist of",
    ],
    [
      "the folder of another repository",
      async () => (await packRepository({ files: filesOf(), folder: "table-main" })).archive,
      "it does not lie in the one folder that the archive must consist of",
    ],
    [
      "no word of its commit",
      async () => createBundleArchive([{ path: "desk-hostile/agent.ts", bytes: Buffer.from("") }]),
      "does not say of which commit",
    ],
    [
      "an end that is missing",
      async () =>
        (await packRepository({ files: filesOf({ "noise.bin": randomBytes(4096) }), folder: "desk-hostile" })).archive.subarray(0, 3000),
      "it is incomplete",
    ],
  ])("when the archive has %s", async (name, pack, message) => {
    const ref = name.replaceAll(" ", "-");
    host.serve("ada/desk", ref, await pack());
    const ended = await outcome("ada/desk", ref);
    expect(ended).toMatchObject({ status: "failed", errorMessage: expect.stringContaining(message) });
    await nothingIsLeft(ended);
  });
});

describe("a repository that is no good bundle", () => {
  it.each<[string, Record<string, string>, Record<string, unknown>]>([
    ["with findings in its manifest", { "agent.config.json": manifestOf({ runtime: "mainframe", entrypoint: 7 }) }, {}],
    ["without its entrypoint", { "agent.config.json": manifestOf({ entrypoint: "gone.ts" }) }, {}],
    ["for the other runtime", { "agent.config.json": manifestOf({ runtime: "agentcore" }) }, {}],
    [
      "without the secrets that it requires",
      { "agent.config.json": manifestOf({ env: { requiredKeys: ["MODEL_KEY", "OTHER_KEY"], optionalKeys: [] } }) },
      { envVarKeys: ["MODEL_KEY", "OTHER_KEY"] },
    ],
  ])("%s fails in the words that an upload is refused with", async (name, files, agentBody) => {
    const ref = name.replaceAll(" ", "-");
    const { archive } = await packRepository({ files: filesOf(files), folder: "desk-x" });
    host.serve("ada/desk", ref, archive);
    const { agentId, deployment } = await request("ada/desk", ref, {}, agentBody);
    const ended = await deploymentEnd(person, deployment.id);
    expect(ended.status).toBe("failed");
    const refused = await requestDeployment(person, agentId, { files: { ...(filesOf(files) as Record<string, string>) } });
    const { message, details } = (
      refused.body as unknown as { error: { message: string; details: { fields: { fieldName: string; message: string }[] } } }
    ).error;
    expect(refused.status).toBe(400);
    const lines = ended.errorMessage?.split("\n") ?? [];
    expect(lines[0]).toBe(message);
    expect(lines).toHaveLength(details.fields.length);
    for (const [index, field] of details.fields.entries()) expect(lines[index]).toContain(field.message);
    expect((await person.request<{ agent: { status: string } }>("GET", `/v1/agents/${agentId}`)).body.agent.status).toBe("error");
  });

  it("is deployed once the secret is set", async () => {
    const files = filesOf({ "agent.config.json": manifestOf({ env: { requiredKeys: ["MODEL_KEY"], optionalKeys: [] } }) });
    const { archive } = await packRepository({ files, folder: "desk-x" });
    host.serve("ada/desk", "secret", archive);
    const { agentId, deployment } = await request("ada/desk", "secret", {}, { envVarKeys: ["MODEL_KEY"] });
    expect((await deploymentEnd(person, deployment.id)).errorMessage).toContain("needs the secret MODEL_KEY, which is not set");
    await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { MODEL_KEY: "value" } });
    const again = await person.request<{ deployment: Deployment }>("POST", `/v1/agents/${agentId}/deployments`, {
      artifact: { type: "repo_ref", githubUrl: "https://github.com/ada/desk", ref: "secret" },
    });
    expect(await deploymentEnd(person, again.body.deployment.id)).toMatchObject({ status: "active", version: 2 });
  });
});

it.each([
  ["http://github.com/ada/desk", "main", "artifact.githubUrl"],
  ["https://github.com.example.com/ada/desk", "main", "artifact.githubUrl"],
  ["https://user:pass@github.com/ada/desk", "main", "artifact.githubUrl"],
  ["https://github.com/ada/..", "main", "artifact.githubUrl"],
  ["https://169.254.169.254/ada/desk", "main", "artifact.githubUrl"],
  ["https://github.com/ada/desk", "../../etc", "artifact.ref"],
  ["https://github.com/ada/desk", "a b", "artifact.ref"],
])("an address that is none of a repository is refused at once: %s at %s", async (githubUrl, ref, fieldName) => {
  const agentId = await createAgent(person, `refused-${(agents += 1)}`);
  const asked = host.requests.length;
  const answer = await person.request("POST", `/v1/agents/${agentId}/deployments`, { artifact: { type: "repo_ref", githubUrl, ref } });
  expect(answer).toMatchObject({
    status: 400,
    body: { error: { code: "INVALID_REQUEST", details: { fields: [expect.objectContaining({ fieldName })] } } },
  });
  expect(host.requests).toHaveLength(asked);
});
