/** What `artifactctl` says and ends with, where no agent has to run: the rules, the stack table, and what it asks for. */
import type { ArtifactManifest } from "@whs/artifact/contract";
import { layOut, payloadVectors, readVectors, removeLayout } from "@whs/artifact/testing";
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { artifactctl } from "./run-artifactctl.ts";
import { json, refuse, startTinyApi, type TinyApi } from "./tiny-api.ts";

let folder: string;
let here: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whs-artifactctl-")));
  here = path.join(folder, "here");
  mkdirSync(here);
});
afterEach(() => removeLayout(folder));

describe("validate", () => {
  test.each(payloadVectors.cases.map((vector) => [vector.rule, vector] as const))("%s", async (_, vector) => {
    await layOut(vector, here);
    const allowed = (vector.options?.allowFiles ?? []).flatMap((file) => ["--allow-file", file]);
    const { exitCode, json: read } = await artifactctl(["validate", "--json", ...allowed], { cwd: here });
    expect(exitCode).toBe(vector.expect.exit);
    const { findings, ...answer } = read();
    expect(findings.map(({ code, severity, path: at }) => ({ code, severity, path: at }))).toEqual(
      vector.expect.findings.map(({ code, severity, path: at }) => ({ code, severity, path: at })),
    );
    expect(findings.every(({ contract, message, action }) => contract === "payload" && message !== "" && action !== "")).toBe(true);
    expect(answer.exitCode).toBe(exitCode);
  });

  test("tells people the code, the place, what is wrong and what to do", async () => {
    await layOut({ files: { "triage/bundle/agent.js": "other\n" } }, here);
    const { stdout } = await artifactctl(["validate"], { cwd: here });
    expect(stdout).toMatch(/✗ PAYLOAD_DIGEST_MISMATCH {2}artifacts\[1\]\.bundle:agent\.js\n.+SHA-256.+\n {2}→ Build/);
  });

  test("never repeats a value that stands where a secret's name belongs", async () => {
    await layOut({ patch: [{ op: "add", path: "/artifacts/0/required_secret_env/1", value: "KEY=hunter2hunter2" }] }, here);
    const { stdout, stderr, exitCode } = await artifactctl(["validate", "--json"], { cwd: here });
    expect(exitCode).toBe(3);
    expect(stdout + stderr).not.toContain("hunter2");
  });

  test("writes nothing, and leaves no file behind", async () => {
    await layOut({}, here);
    const before = globSync("**", { cwd: folder }).toSorted();
    await artifactctl(["validate"], { cwd: here });
    expect(globSync("**", { cwd: folder }).toSorted()).toEqual(before);
  });
});

describe("manifest sync-ids", () => {
  const manifestWith = (text: string): string => {
    const file = path.join(here, "artifact.yml");
    writeFileSync(file, text);
    return file;
  };
  const hand = `# Ours.
schema_version: "1"
project: desk
env: dev
artifacts:
  - agent: support-bot   # the first
    artifact_root: ./a
    bundle: bundle/
    payload: { digest: "sha256:${"0".repeat(64)}", files: [{ path: agent.config.json, sha256: "${"0".repeat(64)}", size: 1 }] }
    source_template: { path: agents/support-bot/agent.config.json, sha256: "${"a".repeat(64)}", parameters: { stage: dev } }
  - { agent: abc, artifact_root: b, bundle: b, source_template: { path: x }, payload: { digest: "sha256:${"0".repeat(64)}", files: [{ path: a, sha256: "${"0".repeat(64)}", size: 1 }] } }
  - id:
    agent: xyz
    artifact_root: ./c
    bundle: bundle/
    payload: { digest: "sha256:${"0".repeat(64)}", files: [{ path: agent.config.json, sha256: "${"0".repeat(64)}", size: 1 }] }
    source_template: { path: x }
`;

  test("puts the right ids in, and leaves all else as it was written", async () => {
    const file = manifestWith(hand);
    const [{ id: expected }] = readVectors<[{ id: string }]>("ids");
    expect((await artifactctl(["manifest", "sync-ids", "--check"], { cwd: here })).exitCode).toBe(3);
    expect(readFileSync(file, "utf8")).toBe(hand);
    expect((await artifactctl(["manifest", "sync-ids"], { cwd: here })).exitCode).toBe(0);
    const written = readFileSync(file, "utf8");
    expect(written).toContain(`  - id: ${expected}\n    agent: support-bot   # the first\n`);
    expect(written.replaceAll(/id: [a-z0-9-]+\n {4}(?=agent: support)| id: abc-[0-9a-f]{8},|(?<=id:) xyz-[0-9a-f]{8}/g, "")).toBe(hand);
    expect((await artifactctl(["manifest", "sync-ids", "--check"], { cwd: here })).exitCode).toBe(0);
    expect(readdirSync(here)).toEqual(["artifact.yml"]);
  });

  test("does not touch a manifest that it cannot read", async () => {
    const broken = hand.replace("agent: support-bot ", "agend: support-bot ");
    const file = manifestWith(broken);
    const { exitCode, json: read } = await artifactctl(["manifest", "sync-ids", "--json"], { cwd: here });
    expect(exitCode).toBe(3);
    expect(read().findings.map(({ code }) => code)).toContain("PAYLOAD_FIELD_MISSING");
    expect(readFileSync(file, "utf8")).toBe(broken);
  });
});

describe("the command line", () => {
  test.each([
    [["nothing"]],
    [["validate", "--strict"]],
    [["deploy", "--timeout", "0"]],
    [["check", "--api-url", "example.com"]],
    [["manifest"]],
    [["check"]],
    [["plan", "extra"]],
  ])("%j ends with 5", async (args) => {
    await layOut({}, here);
    const { exitCode, stderr } = await artifactctl(args, { cwd: here });
    expect({ exitCode, said: stderr !== "" }).toEqual({ exitCode: 5, said: true });
  });

  test("the installed program ends with the documented statuses", async () => {
    await layOut({ files: { "triage/bundle/agent.js": "other\n" } }, here);
    const bin = path.resolve(import.meta.dirname, "../bin/artifactctl.mjs");
    const ended = (...args: string[]) =>
      spawnSync(process.execPath, [bin, ...args], { cwd: here, env: { PATH: process.env.PATH }, encoding: "utf8" });
    expect([ended("validate").status, ended("validate", "--nothing").status, ended("--help").status]).toEqual([3, 5, 0]);
    expect(JSON.parse(ended("validate", "--json").stdout)).toMatchObject({ exitCode: 3, findings: [{ code: "PAYLOAD_DIGEST_MISMATCH" }] });
  });

  test("a file named on it that is missing ends with 5", async () => {
    await layOut({}, here);
    const env = { WHS_API_TOKEN: "x", WHS_API_URL: "http://127.0.0.1:9" };
    for (const option of ["--secret-env", "--plan"])
      expect((await artifactctl(["deploy", option, "nowhere"], { cwd: here, env })).exitCode).toBe(5);
  });

  test("prints the JSON Schema for editors", async () => {
    const { stdout, exitCode } = await artifactctl(["schema"], { cwd: here });
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      required: expect.arrayContaining(["artifacts"]),
    });
  });
});

interface StackCase {
  name: string;
  requirements: ArtifactManifest["runtime_stack"] | null;
  observation: unknown;
  normal: { code: string; severity: string; path: string }[];
  strict: { code: string; severity: string; path: string }[];
}

describe("a stack", () => {
  let api: TinyApi;
  let env: Record<string, string>;
  let observation: unknown;
  beforeEach(async () => {
    api = await startTinyApi();
    env = { WHS_API_URL: api.url, WHS_API_TOKEN: "whs_test", OPENAI_API_KEY: "a value" };
    api.answer(({ url }, response) => {
      if (url === "/v1/runtime/stack") return observation === null ? refuse(response, 500, "INTERNAL") : json(response, 200, observation);
      return json(response, 200, { items: [], nextCursor: null, traceId: "trc_test00000001" });
    });
  });
  afterEach(() => api.close());

  const cases = readVectors<StackCase[]>("stack");
  test.each(cases.flatMap((vector) => [[vector.name, "normal", vector] as const, [vector.name, "strict", vector] as const]))(
    "%s (%s)",
    async (_, mode, vector) => {
      ({ observation } = vector);
      await layOut(
        {
          patch: [
            { op: "remove", path: "/mode" },
            { op: "replace", path: "/runtime_stack", value: vector.requirements },
          ],
        },
        here,
      );
      const { exitCode, json: read } = await artifactctl(["check", "--json", ...(mode === "strict" ? ["--strict"] : [])], {
        cwd: here,
        env,
      });
      const told = read().findings;
      expect(told.map(({ code, severity, path: at }) => ({ code, severity, path: at }))).toEqual(vector[mode]);
      expect(told.every(({ contract }) => contract === "runtime_stack")).toBe(true);
      expect(exitCode).toBe(vector[mode].some(({ severity }) => severity === "error") ? 4 : 0);
    },
  );

  test("is not asked before the payload is right", async () => {
    await layOut(
      {
        files: { "triage/bundle/agent.js": "other\n" },
        patch: [{ op: "replace", path: "/runtime_stack/capabilities", value: ["time-travel"] }],
      },
      here,
    );
    for (const command of ["check", "plan", "deploy"])
      expect((await artifactctl([command], { cwd: here, env: { ...env, OPENAI_API_KEY: "" } })).exitCode).toBe(3);
    expect(api.seen).toEqual([]);
  });

  test("is decided before the secrets are", async () => {
    observation = cases.find(({ name }) => name === "all demands met")?.observation;
    await layOut({ patch: [{ op: "replace", path: "/runtime_stack/capabilities", value: ["time-travel"] }] }, here);
    for (const command of ["check", "plan", "deploy"])
      expect((await artifactctl([command], { cwd: here, env: { ...env, OPENAI_API_KEY: "" } })).exitCode).toBe(4);
  });

  test("a secret without a value ends with 6 and is named, and nothing is written", async () => {
    observation = cases.find(({ name }) => name === "all demands met")?.observation;
    await layOut({}, here);
    for (const command of ["check", "plan", "deploy"]) {
      const { exitCode, json: read } = await artifactctl([command, "--json"], { cwd: here, env: { ...env, OPENAI_API_KEY: "" } });
      expect(exitCode).toBe(6);
      expect(read().findings).toMatchObject([
        { code: "APPLY_SECRET_MISSING", contract: "apply", message: expect.stringContaining("OPENAI_API_KEY") },
      ]);
    }
    writeFileSync(path.join(folder, "secrets.env"), "OPENAI_API_KEY=\n");
    expect(
      (await artifactctl(["check", "--secret-env", "../secrets.env"], { cwd: here, env: { ...env, OPENAI_API_KEY: "" } })).exitCode,
    ).toBe(6);
    writeFileSync(path.join(folder, "secrets.env"), "# ours\nexport OPENAI_API_KEY='a value'\n");
    expect(
      (await artifactctl(["check", "--secret-env", "../secrets.env"], { cwd: here, env: { ...env, OPENAI_API_KEY: "" } })).exitCode,
    ).toBe(0);
    expect(api.seen.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("validate, check and plan send nothing that writes, and a plan names every step", async () => {
    observation = cases.find(({ name }) => name === "all demands met")?.observation;
    await layOut({}, here);
    await artifactctl(["validate"], { cwd: here, env });
    expect(api.seen).toEqual([]);
    await artifactctl(["check"], { cwd: here, env });
    const { exitCode, json: read } = await artifactctl(["plan", "--json", "--detailed-exitcode"], { cwd: here, env });
    expect(exitCode).toBe(2);
    expect(read().plan?.entries.map(({ agent, changes }) => [agent, changes.map(({ action }) => action)])).toEqual([
      ["support-bot", ["create_agent", "set_secrets", "deploy"]],
      ["triage", ["create_agent", "deploy"]],
    ]);
    expect(new Set(api.seen.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  test("people are not told that a stack takes an artifact when it could not be observed", async () => {
    await layOut({}, here);
    observation = null;
    const unseen = await artifactctl(["check"], { cwd: here, env });
    expect(unseen).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/could not be observed[\s\S]*! STACK_UNOBSERVABLE/) });
    observation = cases.find(({ name }) => name === "all demands met")?.observation;
    expect((await artifactctl(["check"], { cwd: here, env })).stdout).toMatch(/gateway {2}1\.4\.2 {2}up[\s\S]*✓ .+ can take this artifact/);
  });

  test("a plan is not written below artifact_root", async () => {
    await layOut({}, here);
    const { exitCode } = await artifactctl(["plan", "--out", "support-bot/plan.json"], { cwd: here, env });
    expect(exitCode).toBe(5);
    expect(readdirSync(path.join(here, "support-bot"))).toEqual(["bundle"]);
  });

  test("an API that refuses or cannot be reached ends with 1, once the stack contract does not already fail", async () => {
    await layOut({ patch: [{ op: "replace", path: "/runtime_stack", value: null }] }, here);
    api.answer((_, response) => refuse(response, 401, "UNAUTHENTICATED"));
    const { exitCode, json: read } = await artifactctl(["plan", "--json"], { cwd: here, env });
    expect(exitCode).toBe(1);
    expect(read().findings).toMatchObject([{ code: "APPLY_REQUEST_FAILED", message: expect.stringContaining("UNAUTHENTICATED") }]);
  });
});

test("whs and artifactctl share no code but the packages", () => {
  const source = path.resolve(import.meta.dirname, "../src");
  const imports = (files: string[]) =>
    files.flatMap((file) =>
      [...readFileSync(path.join(source, file), "utf8").matchAll(/from "(\.[^"]+)"/g)].map(([, to]) =>
        path.join(path.dirname(file), to ?? ""),
      ),
    );
  const all = globSync("**/*.ts", { cwd: source });
  const own = all.filter((file) => file.startsWith("artifactctl/"));
  expect(own.length).toBeGreaterThan(5);
  expect(imports(own).filter((to) => !to.startsWith("artifactctl/"))).toEqual([]);
  expect(imports(all.filter((file) => !own.includes(file))).filter((to) => to.startsWith("artifactctl/"))).toEqual([]);
});
