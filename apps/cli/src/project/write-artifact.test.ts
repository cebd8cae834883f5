import { nodeFiles, packPayload, parseArtifact, validatePayload } from "@whs/artifact/contract";
import { globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readProject } from "./read-project.ts";
import { type ArtifactOptions, writeArtifact, type WrittenArtifact } from "./write-artifact.ts";

let folder: string;
let out: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "whs-produce-")));
  out = path.join(folder, "out");
  for (const name of ["one-agent", "other-agent"]) write(name, `export default { invoke: () => ${JSON.stringify(name)} };\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, source: string, requiredKeys: string[] = []): void {
  mkdirSync(path.join(folder, name), { recursive: true });
  const config = { name, protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "agent.ts", env: { requiredKeys, optionalKeys: [] } };
  writeFileSync(path.join(folder, name, "agent.config.json"), JSON.stringify(config));
  writeFileSync(path.join(folder, name, "agent.ts"), source);
}

function produce(names: string[], options: Partial<ArtifactOptions> = {}): Promise<WrittenArtifact> {
  const projects = names.map((name) => readProject(path.join(folder, name)));
  return writeArtifact(projects, { project: "desk", env: "dev", mode: undefined, out, generatedAt: undefined, color: false, ...options });
}

const contents = (): Record<string, string> =>
  Object.fromEntries(
    globSync("**/*", { cwd: out, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .toSorted()
      .map((file) => [path.relative(out, file), readFileSync(file).toString("base64")]),
  );

test("what it writes fulfils the payload contract, in the order given", async () => {
  write("one-agent", "export default { invoke: () => 1 };\n", ["OPENAI_API_KEY"]);
  const { file } = await produce(["other-agent", "one-agent"], { mode: "local" });
  const { manifest, findings } = await validatePayload(nodeFiles, readFileSync(file), out);
  expect(findings).toEqual([]);
  expect(manifest).toMatchObject({ schema_version: "1", project: "desk", env: "dev", mode: "local", runtime_stack: { mode: "local" } });
  expect(manifest?.artifacts.map(({ agent, required_secret_env: names }) => [agent, names])).toEqual([
    ["other-agent", []],
    ["one-agent", ["OPENAI_API_KEY"]],
  ]);
});

test("the same sources give the same bytes, and the bundle is what an upload of its files would be", async () => {
  const { file } = await produce(["one-agent"]);
  const first = contents();
  await produce(["one-agent"]);
  expect(contents()).toEqual(first);
  const [entry] = parseArtifact(readFileSync(file)).manifest?.artifacts ?? [];
  expect(entry).toBeDefined();
  const packed = await packPayload(nodeFiles, entry!, { path: "artifacts[0]", folder: out });
  expect(packed.ok && Buffer.from(packed.archive).toString("base64")).toBe(first[path.join(entry!.artifact_root, entry!.bundle)]);
});

test("says when it was made only where it is told", async () => {
  expect(readFileSync((await produce(["one-agent"])).file, "utf8")).not.toContain("generated_at");
  const { file } = await produce(["one-agent"], { generatedAt: new Date(0) });
  expect(parseArtifact(readFileSync(file)).manifest?.generated_at).toBe("1970-01-01T00:00:00.000Z");
});

test("a later build leaves nothing of an earlier one, and no half-written file", async () => {
  await produce(["one-agent"]);
  write("one-agent", "export default { invoke: () => 2 };\n");
  const { entries } = await produce(["one-agent"]);
  expect(Object.keys(contents())).toEqual(["artifact.yml", path.normalize(entries[0]?.bundle ?? "")]);
});

test("a build that would not pass its own contract leaves the artifact as it was", async () => {
  const { file } = await produce(["one-agent"]);
  const before = readFileSync(file, "utf8");
  const token = ["ghp", "a1B2".repeat(9)].join("_");
  write("one-agent", `const token = "${token}";\nexport default { invoke: () => token };\n`);
  const refused = produce(["one-agent"]);
  await expect(refused).rejects.toMatchObject({ details: expect.arrayContaining([expect.stringContaining("PAYLOAD_SECRET_CONTENT")]) });
  await expect(refused).rejects.not.toMatchObject({ details: expect.arrayContaining([expect.stringContaining(token)]) });
  expect(readFileSync(file, "utf8")).toBe(before);
  expect((await validatePayload(nodeFiles, readFileSync(file), out)).findings).toEqual([]);
});

test("two agents of one name are refused", async () => {
  await expect(produce(["one-agent", "one-agent"])).rejects.toMatchObject({
    details: expect.arrayContaining([expect.stringContaining("PAYLOAD_AGENT_DUPLICATE")]),
  });
});
