import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { pax, type RawTarEntry, rawTarGz } from "../testing/raw-tar.ts";
import { rawZip } from "../testing/raw-zip.ts";
import { extract } from "./extract.ts";
import { inspectBundle } from "./inspect-bundle.ts";
import { readArchive } from "./read-archive.ts";

const wrappingFolder = /^desk-.+$/i;
const manifest = JSON.stringify({
  protocol: "invoke/v1",
  runtime: "cloudflare",
  entrypoint: "src/agent.js",
  capabilities: { streaming: false, tools: false },
});
/** As `git archive --prefix=desk-main/` writes it. */
const repository: RawTarEntry[] = [
  pax({ comment: "a".repeat(40) }, "g"),
  { name: "desk-main/", typeflag: "5" },
  { name: "desk-main/agent.config.json", content: manifest },
  { name: "desk-main/src/", typeflag: "5" },
  { name: "desk-main/src/agent.js", content: "export default {};" },
];

async function contents(source: Uint8Array): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of readArchive(source, { wrappingFolder }))
    found[entry.path] = entry.type === "directory" ? "/" : await text(entry.content());
  return found;
}

describe("an archive that wraps its content in one folder", () => {
  const expected = { "agent.config.json": manifest, src: "/", "src/agent.js": "export default {};" };

  test("is read as if the folder was not there", async () => {
    expect(await contents(rawTarGz(repository))).toEqual(expected);
    expect(await contents(rawTarGz(repository.map((entry) => ({ ...entry, name: String(entry.name).replace("desk-", "Desk-") }))))).toEqual(
      expected,
    );
    const zipped = rawZip([
      { name: "desk-main/agent.config.json", content: manifest },
      { name: "desk-main/src/agent.js", content: "export default {};" },
    ]);
    expect(await contents(zipped)).toEqual({ "agent.config.json": manifest, "src/agent.js": "export default {};" });
  });

  test("is inspected and extracted so too", async () => {
    const folder = await mkdtemp(join(tmpdir(), "whs-wrapped-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const archive = rawTarGz(repository);
    expect(await inspectBundle(archive, { wrappingFolder })).toMatchObject({ ok: true, manifest: { entrypoint: "src/agent.js" } });
    await extract(archive, join(folder, "out"), { wrappingFolder });
    expect(await readFile(join(folder, "out/src/agent.js"), "utf8")).toBe("export default {};");
  });

  test.each<[string, RawTarEntry[]]>([
    ["a file beside the folder", [...repository, { name: "agent.config.json", content: "{}" }]],
    ["a second folder", [...repository, { name: "desk-other/agent.js", content: "" }]],
    ["a folder of another name", [{ name: "table-main/agent.js", content: "" }]],
    ["a file in the folder's place", [{ name: "desk-main", content: "" }]],
    ["a way out of the folder", [...repository, { name: "desk-main/../agent.js", content: "" }]],
    ["the folder's name as a prefix only", [...repository, { name: "desk-main2/agent.js", content: "" }]],
  ])("is refused with %s", async (_name, entries) => {
    await expect(contents(rawTarGz(entries))).rejects.toMatchObject({ code: expect.stringMatching(/^(ARCHIVE_FOLDER|PATH_TRAVERSAL)$/) });
  });

  test("is not unwrapped unless asked for", async () => {
    const found: string[] = [];
    for await (const entry of readArchive(rawTarGz(repository))) found.push(entry.path);
    expect(found[0]).toBe("desk-main");
    await expect(inspectBundle(rawTarGz(repository))).rejects.toMatchObject({ code: "MANIFEST_MISSING" });
  });
});
