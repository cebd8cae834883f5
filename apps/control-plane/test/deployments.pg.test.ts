import type { Deployment, DeploymentFile, DeploymentFileContent, InvokeResponse } from "@whs/api";
import { openBlobStore } from "@whs/platform/blobs";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createAgent, deploy, deploymentEnd, echo, manifestOf, requestDeployment } from "./deploy.ts";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

let plane: TestControlPlane;
let person: TestUser;
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true });
  person = await plane.enterpriseUser();
});
afterAll(() => plane.close());

const invoke = (agentId: string) => person.request<InvokeResponse>("POST", `/v1/invoke/${agentId}`, { input: { prompt: "hi" } });

describe("a deploy", () => {
  const fails = async (agentId: string, files: Record<string, string>, manifest: Record<string, unknown> = {}): Promise<Deployment> => {
    const answer = await requestDeployment(person, agentId, { files, manifest });
    expect(answer).toMatchObject({ status: 202 });
    return deploymentEnd(person, answer.body.deployment.id);
  };

  it.each([
    ["a syntax error", { "agent.ts": "export default {\n  invoke() { return ] }\n};" }, /agent\.ts:2:\d+/],
    [
      "an import that is not there",
      { "agent.ts": `import x from "./missing.ts";\nexport default { invoke: () => x };` },
      /agent\.ts:1:\d+.*missing/s,
    ],
    ["a package that is not bundled", { "agent.ts": `import x from "left-pad";\nexport default { invoke: () => x };` }, /left-pad/],
    ["no default export", { "agent.ts": "export const invoke = 1;" }, /export/],
    [
      "a module that throws while it loads",
      { "agent.ts": `throw new Error("no such model"); export default { invoke: () => "" };` },
      /no such model/,
    ],
    ["an export that is no agent", { "agent.ts": "export default { answer: 42 };" }, /invoke/],
  ])("with %s fails, says where, and leaves the old version serving", async (name, files, message) => {
    const agentId = await createAgent(person, `broken-${name.replaceAll(/[^a-z]+/g, "-")}`);
    const good = await deploy(person, agentId, echo("old "));
    const failed = await fails(agentId, files);
    expect(failed.status).toBe("failed");
    expect(failed.errorMessage).toMatch(message);
    const agent = await person.request<{ agent: { status: string; activeDeploymentId: string } }>("GET", `/v1/agents/${agentId}`);
    expect(agent.body.agent).toMatchObject({ status: "active", activeDeploymentId: good.id });
    expect((await invoke(agentId)).body.output.text).toBe("old hi");
    expect(await person.request("POST", `/v1/agents/${agentId}/deployments/${failed.id}/activate`, {})).toMatchObject({ status: 409 });
  });

  it("that fails first leaves the agent in error, from which it can be deployed", async () => {
    const agentId = await createAgent(person, "first-fails");
    await fails(agentId, { "agent.ts": "syntax error here" });
    expect((await person.request<{ agent: { status: string } }>("GET", `/v1/agents/${agentId}`)).body.agent.status).toBe("error");
    await deploy(person, agentId, echo(""));
    expect((await invoke(agentId)).status).toBe(200);
  });

  it.each([
    ["no manifest field", { protocol: undefined }, "agent.config.json:protocol"],
    ["another runtime", { runtime: "agentcore" }, "agent.config.json:runtime"],
    ["the other runtime's block", { agentcore: {} }, "agent.config.json:agentcore"],
    ["an entrypoint that is not there", { entrypoint: "other.ts" }, "agent.config.json:entrypoint"],
    ["an entrypoint outside", { entrypoint: "../x.ts" }, "agent.config.json:entrypoint"],
    ["an unknown field", { magic: true }, "agent.config.json:magic"],
    [
      "a required key without a secret",
      { env: { requiredKeys: ["OPENAI_API_KEY"], optionalKeys: [] } },
      "agent.config.json:env.requiredKeys",
    ],
  ])("of a bundle with %s is refused before anything is created", async (name, manifest, fieldName) => {
    const agentId = await createAgent(person, `refused-${name.replaceAll(/[^a-z]+/g, "-")}`);
    const answer = await requestDeployment(person, agentId, { files: { "agent.ts": echo("") }, manifest });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: expect.arrayContaining([expect.objectContaining({ fieldName })]) } } },
    });
    expect((await person.request<{ items: unknown[] }>("GET", `/v1/agents/${agentId}/deployments`)).body.items).toEqual([]);
    expect((await person.request<{ agent: { status: string } }>("GET", `/v1/agents/${agentId}`)).body.agent.status).toBe("created");
  });

  it("runs alone: of ten at once one is taken", async () => {
    const agentId = await createAgent(person, "one-at-a-time");
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => requestDeployment(person, agentId, { files: { "agent.ts": echo("") } })),
    );
    const taken = answers.filter((answer) => answer.status === 202);
    expect(taken.length).toBeGreaterThanOrEqual(1);
    expect(answers.filter((answer) => answer.status !== 202).every((answer) => answer.status === 409)).toBe(true);
    for (const answer of taken) await deploymentEnd(person, answer.body.deployment.id);
    const { rows } = await plane.pool.query("select version from whs.deployments where agent_id = $1 order by version", [agentId]);
    expect(rows.map((row) => row.version)).toEqual(taken.map((_, index) => index + 1));
  });

  it("with setAsActive false is ready but does not serve until activated", async () => {
    const agentId = await createAgent(person, "staged");
    await deploy(person, agentId, echo("one "));
    const staged = await deploy(person, agentId, echo("two "), { body: { setAsActive: false } });
    expect((await invoke(agentId)).body.output.text).toBe("one hi");
    expect((await person.request("POST", `/v1/agents/${agentId}/deployments/${staged.id}/activate`, { reason: "looks good" })).status).toBe(
      200,
    );
    expect((await invoke(agentId)).body.output.text).toBe("two hi");
  });

  it("with a version that is not the next one is refused", async () => {
    const agentId = await createAgent(person, "versioned");
    expect(await requestDeployment(person, agentId, { files: { "agent.ts": echo("") }, body: { version: 2 } })).toMatchObject({
      status: 409,
    });
    expect((await requestDeployment(person, agentId, { files: { "agent.ts": echo("") }, body: { version: 1 } })).status).toBe(202);
  });

  it("of an unknown or foreign upload answers NOT_FOUND", async () => {
    const agentId = await createAgent(person, "no-upload");
    expect(
      await person.request("POST", `/v1/agents/${agentId}/deployments`, {
        artifact: { type: "uploaded_bundle", uploadId: "upl_01m7z7cv6qet4tfy053572xb7f" },
      }),
    ).toMatchObject({ status: 404, body: { error: { code: "NOT_FOUND" } } });
  });
});

describe("the files of a deployment", () => {
  it("are listed, and read one by one where they are text, by their owner", async () => {
    const agentId = await createAgent(person, "readable");
    const files = { "agent.ts": echo("read "), "data/words.txt": "Grüße\n", "logo.png": "\0PNG", "large.txt": "x".repeat(256 * 1024 + 1) };
    const { body } = await requestDeployment(person, agentId, { files });
    const { id } = await deploymentEnd(person, body.deployment.id);
    const listed = await person.request<{ items: DeploymentFile[] }>("GET", `/v1/deployments/${id}/files`);
    expect(listed.body.items.map(({ path, sizeBytes }) => [path, sizeBytes])).toEqual([
      ["agent.config.json", Buffer.byteLength(manifestOf())],
      ["agent.ts", files["agent.ts"].length],
      ["data/words.txt", 8],
      ["large.txt", 262_145],
      ["logo.png", 4],
    ]);
    expect(listed.body.items[2]?.sha256).toBe(createHash("sha256").update("Grüße\n").digest("hex"));
    const read = async (path: string) => {
      const answer = await person.request<{ file: DeploymentFileContent }>(
        "GET",
        `/v1/deployments/${id}/file?path=${encodeURIComponent(path)}`,
      );
      return answer.status === 200 ? [answer.body.file.content, answer.body.file.text] : answer.status;
    };
    expect(await read("data/words.txt")).toEqual(["text", "Grüße\n"]);
    expect(await read("logo.png")).toEqual(["binary", null]);
    expect(await read("large.txt")).toEqual(["too_large", null]);
    for (const path of ["gone.txt", "../agent.ts", "/etc/passwd", "data"]) expect(await read(path)).toBe(404);
    expect((await person.request("GET", `/v1/deployments/${id}/file`)).status).toBe(400);
    // What was installed from the marketplace runs, and its names are known; its text is its publisher's.
    const { source } = body.deployment.artifact;
    await plane.pool.query(
      "insert into whs.installs (install_intent_id, user_id, agent_id, listing_id, release_id, release_version, upload_id) select 'int_x', user_id, id, 'lst_x', 'rel_x', '1.0.0', $2 from whs.agents where id = $1",
      [agentId, "uploadId" in source ? source.uploadId : ""],
    );
    expect(await read("data/words.txt")).toEqual(["withheld", null]);
  });
});

describe("a rollback", () => {
  it("is seen by the very next request, a hundred times in a row", async () => {
    const agentId = await createAgent(person, "rolled");
    const versions = [await deploy(person, agentId, echo("v1 ")), await deploy(person, agentId, echo("v2 "))];
    for (let round = 0; round < 100; round++) {
      const version = versions[round % 2];
      const activated = await person.request<{ agent: { activeDeploymentId: string } }>(
        "POST",
        `/v1/agents/${agentId}/deployments/${version?.id}/activate`,
        {},
      );
      expect(activated.body.agent.activeDeploymentId).toBe(version?.id);
      expect((await invoke(agentId)).body.output.text).toBe(`v${(round % 2) + 1} hi`);
    }
    const list = await person.request<{ items: Deployment[] }>("GET", `/v1/agents/${agentId}/deployments`);
    expect(list.body.items.map((deployment) => [deployment.version, deployment.status])).toEqual([
      [2, "active"],
      [1, "rolled_back"],
    ]);
  });
});

describe("secrets", () => {
  it.each([
    ["NUL", "a\0b"],
    ["half of a surrogate pair", "\ud800"],
  ])("that hold %s are refused by their name", async (_name, value) => {
    const agentId = await createAgent(person, `odd-secret-${value.length}`, { envVarKeys: ["TOKEN"] });
    expect(await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { TOKEN: value } })).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName: "secrets.TOKEN" }] } } },
    });
  });

  it("reach the agent, change without a redeploy, and are never shown", async () => {
    const agentId = await createAgent(person, "with-secret", { envVarKeys: ["TOKEN", "OTHER"] });
    expect((await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { TOKEN: "first-secret-value" } })).status).toBe(204);
    await deploy(
      person,
      agentId,
      `export default { invoke: ({ env }: any) => (env.TOKEN ?? "none").length + " " + (env.TOKEN ?? "none").slice(0, 5) };`,
      { manifest: { env: { requiredKeys: ["TOKEN"], optionalKeys: ["OTHER"] } } },
    );
    expect((await invoke(agentId)).body.output.text).toBe("18 first");
    await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { TOKEN: "second-value" } });
    expect((await invoke(agentId)).body.output.text).toBe("12 secon");
    const list = await person.request<{ items: unknown[] }>("GET", `/v1/agents/${agentId}/secrets`);
    expect(list.body.items).toEqual([
      { key: "TOKEN", isSet: true, updatedAt: expect.any(String) },
      { key: "OTHER", isSet: false, updatedAt: null },
    ]);
    expect((await person.request("DELETE", `/v1/agents/${agentId}/secrets/TOKEN`)).status).toBe(204);
    expect((await invoke(agentId)).body.output.text).toBe("4 none");
    expect((await person.request("DELETE", `/v1/agents/${agentId}/secrets/TOKEN`)).status).toBe(404);
  });

  it("must be declared, and are bounded", async () => {
    const agentId = await createAgent(person, "bounded-secret", { envVarKeys: ["TOKEN"] });
    expect(await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { OTHER: "x" } })).toMatchObject({
      status: 400,
      body: { error: { details: { fields: [{ fieldName: "secrets.OTHER" }] } } },
    });
    expect(await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { TOKEN: "x".repeat(65_537) } })).toMatchObject({
      status: 400,
      body: { error: { details: { fields: [{ fieldName: "secrets.TOKEN" }] } } },
    });
    expect((await person.request("POST", `/v1/agents/${agentId}/secrets`, { secrets: { TOKEN: "x".repeat(65_536) } })).status).toBe(204);
  });
});

describe("what an agent throws", () => {
  it("is logged with the places of its author's files, and what is kept for that goes with the agent", async () => {
    const agentId = await createAgent(person, "thrower");
    const source = `interface Named { a: string }\ntype Other = Named;\n\nexport default { invoke(): Other { throw new Error("as asked"); } };`;
    const { id } = await deploy(person, agentId, source);
    expect((await invoke(agentId)).status).toBe(502);
    await vi.waitFor(
      async () => {
        const log = await person.request<{ lines: { message: string }[] }>("GET", `/v1/deployments/${id}/logs`);
        expect(log.body.lines.map(({ message }) => message)).toContainEqual(
          expect.stringMatching(/^Error: as asked\n\s+at .*agent\.ts:4:\d+/),
        );
      },
      { timeout: 60_000 },
    );
    const blobs = await openBlobStore(plane.config.blobUrl);
    const isKept = () => blobs.exists(`source-maps/${id}.json`);
    expect(await isKept()).toBe(true);
    expect((await person.request("DELETE", `/v1/agents/${agentId}`)).status).toBe(204);
    await vi.waitFor(async () => expect(await isKept()).toBe(false), { timeout: 60_000 });
    await blobs.close();
  });
});
