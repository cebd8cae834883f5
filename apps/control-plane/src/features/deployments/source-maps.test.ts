import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type BlobStore, openBlobStore } from "@whs/platform/blobs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createBundleFolder, type BundleFolder } from "./bundling/testing/bundle-folder.ts";
import { createSourceMaps, keepSourceMap } from "./source-maps.ts";

let directory: string;
let blobs: BlobStore;
let folder: BundleFolder;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "whs-source-maps-"));
  blobs = await openBlobStore(directory);
});
afterAll(async () => {
  await blobs.close();
  await rm(directory, { recursive: true });
});
beforeEach(async () => {
  folder = await createBundleFolder();
});
afterEach(() => folder.remove());

const AGENT = `import { fail } from "./fail.ts";

export default { invoke: () => fail() };
`;
const FAIL = `interface Shape { a: string }
type Other = Shape;

export function fail(): Other {
  throw new Error("here");
}
`;

describe("places in an agent's messages", () => {
  test("are those of the author's files", async () => {
    const { bundle, sourceMap } = await folder.build({ "src/agent.ts": AGENT, "src/fail.ts": FAIL });
    await keepSourceMap(blobs, "dep_1", sourceMap);
    const main = bundle.modules["agent.js"];
    const lines = (main?.type === "esm" ? main.text : "").split("\n");
    const line = lines.findIndex((text) => text.includes("throw new Error"));
    const column = (lines[line] ?? "").indexOf("throw");
    const message = `Error: here\n    at fail (agent.js:${line + 1}:${column + 1})`;
    expect(await createSourceMaps()(blobs).translate("dep_1", message)).toBe("Error: here\n    at fail (src/fail.ts:5:3)");
  });

  test("are those before an earlier bundling, where the bundle brings a map of it", async () => {
    const first = await folder.build({ "src/agent.ts": AGENT, "src/fail.ts": FAIL });
    const main = first.bundle.modules["agent.js"];
    const text = main?.type === "esm" ? main.text : "";
    const again = await createBundleFolder();
    try {
      const { bundle, sourceMap } = await again.build({
        "src/agent.ts": `// moved\n\n${text}\n//# sourceMappingURL=agent.ts.map\n`,
        "src/agent.ts.map": shifted(first.sourceMap, 2),
      });
      await keepSourceMap(blobs, "dep_2", sourceMap);
      const built = bundle.modules["agent.js"];
      const lines = (built?.type === "esm" ? built.text : "").split("\n");
      const line = lines.findIndex((each) => each.includes("throw new Error"));
      const place = `agent.js:${line + 1}:${(lines[line] ?? "").indexOf("throw") + 1}`;
      expect(await createSourceMaps()(blobs).translate("dep_2", place)).toBe("src/fail.ts:5:3");
    } finally {
      await again.remove();
    }
  });

  test("stay as they are where no map is kept, and outside of every source", async () => {
    const { sourceMap } = await folder.build({ "src/agent.ts": AGENT, "src/fail.ts": FAIL });
    await keepSourceMap(blobs, "dep_3", sourceMap);
    const sourceMaps = createSourceMaps()(blobs);
    expect(await sourceMaps.translate("dep_none", "at agent.js:1:1")).toBe("at agent.js:1:1");
    expect(await sourceMaps.translate("dep_3", "at agent.js:99999:1 and whs-shim.js:1:1")).toBe("at agent.js:99999:1 and whs-shim.js:1:1");
  });

  test("are known without the sources themselves", async () => {
    const { sourceMap } = await folder.build({ "src/agent.ts": AGENT, "src/fail.ts": FAIL });
    expect(sourceMap).not.toContain("throw new Error");
  });
});

/** The map of the same text with some lines put before it, one folder deeper. */
function shifted(sourceMap: string, lines: number): string {
  const map = JSON.parse(sourceMap) as { mappings: string; sources: string[] };
  return JSON.stringify({ ...map, mappings: ";".repeat(lines) + map.mappings, sources: map.sources.map((source) => `../${source}`) });
}
