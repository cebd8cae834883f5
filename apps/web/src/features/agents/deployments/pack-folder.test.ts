import { readArchive } from "@whs/artifact";
import { describe, expect, test } from "vitest";
import { packFolder } from "./pack-folder.ts";
import { sortOut } from "./pick-files.ts";

async function unpack(archive: Blob): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of readArchive(archive.stream())) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    found[entry.path] = Buffer.concat(chunks).toString();
  }
  return found;
}

describe("a packed folder", () => {
  test("is read by the API's own reader as the files that went in", async () => {
    const files = {
      "agent.config.json": "{}",
      "leer.ts": "",
      "grün/日本.ts": "x".repeat(512),
      [`${"a".repeat(90)}/${"b".repeat(90)}.ts`]: "long",
    };
    const packed = await packFolder(Object.entries(files).map(([path, text]) => ({ path, file: new Blob([text]) })));
    expect(await unpack(packed)).toEqual(files);
  });

  test("refuses a path that the format cannot hold, by its name", async () => {
    await expect(packFolder([{ path: `${"a".repeat(120)}.ts`, file: new Blob() }])).rejects.toThrow(/a{120}\.ts" is too long/);
  });
});

describe("of what is chosen", () => {
  const pick = (...paths: string[]) => sortOut(paths.map((path) => ({ path, file: new File(["x"], path) })));

  test("an archive stays as it is", () => {
    expect(pick("my.agent.TGZ")).toMatchObject({ kind: "archive", name: "my.agent.TGZ" });
  });

  test("a folder becomes the root, without what is hidden, installed or secret", () => {
    const picked = pick(
      "a/agent.config.json",
      "a/src/agent.ts",
      "a/.env",
      "a/.git/config",
      "a/node_modules/x/i.js",
      "a/server.key",
      "a/id_rsa",
    );
    expect(picked.kind === "files" && picked.files.map(({ path }) => path)).toEqual(["agent.config.json", "src/agent.ts"]);
  });

  test("nothing that could be deployed is an error in words", () => {
    expect(() => pick(".env")).toThrow("There is no file in it that could be deployed.");
  });
});
