import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { installationRoot } from "../config.ts";
import { buildProject } from "./build-project.ts";
import { readProject } from "./read-project.ts";
import { scaffoldProject } from "./scaffold.ts";
import { templateNames, templates } from "./templates.ts";

const TYPESCRIPT = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");

let parent: string;

beforeEach(() => (parent = mkdtempSync(path.join(tmpdir(), "whs-init-"))));
afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe.each(templateNames)("the template %s", (template) => {
  test("becomes a project of the new name that is tied to nothing of this repository", () => {
    const folder = path.join(parent, "My Agent");
    const { name, files } = scaffoldProject({ folder, template, name: undefined });
    expect(name).toBe("My-Agent");
    expect(readProject(folder).manifest.name).toBe("My-Agent");
    expect(JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"))).toMatchObject({ name: "my-agent" });
    for (const file of files) {
      const text = readFileSync(path.join(folder, file), "utf8");
      expect(text).not.toContain("@whs/example");
      expect(text).not.toContain("../");
    }
  });

  test("has a README of at most forty lines that shows the new name", () => {
    const folder = path.join(parent, "renamed");
    scaffoldProject({ folder, template, name: undefined });
    const lines = readFileSync(path.join(folder, "README.md"), "utf8").trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(40);
    expect(lines[0]).toBe("# renamed");
    expect(lines.join("\n")).toContain("whs invoke renamed");
  });

  test("bundles as it lies in the repository", async () => {
    const { files } = await buildProject(readProject(path.join(installationRoot, "examples", template)));
    expect(files.map((file) => file.path)).toEqual(["agent.config.json", "agent.js", "agent.js.map"]);
  });
});

test.each(templateNames.filter((template) => !templates[template].needsInstall))(
  "a project of the template %s bundles and type-checks with nothing installed",
  async (template) => {
    const folder = path.join(parent, "fresh");
    scaffoldProject({ folder, template, name: undefined });
    expect((await buildProject(readProject(folder))).archive.length).toBeGreaterThan(0);
    expect(execFileSync(process.execPath, [TYPESCRIPT, "-p", folder], { encoding: "utf8" })).toBe("");
  },
);

test("nothing is written when one of its files is there already", () => {
  const folder = path.join(parent, "taken");
  mkdirSync(path.join(folder, "src"), { recursive: true });
  writeFileSync(path.join(folder, "src/agent.ts"), "mine");
  expect(() => scaffoldProject({ folder, template: "echo", name: undefined })).toThrow(
    expect.objectContaining({ details: [path.join(folder, "src/agent.ts")] }),
  );
  expect(readFileSync(path.join(folder, "src/agent.ts"), "utf8")).toBe("mine");
  expect(readdirSync(folder)).toEqual(["src"]);
});

test("a folder whose name makes no agent's name needs one", () => {
  expect(() => scaffoldProject({ folder: path.join(parent, "é"), template: "echo", name: undefined })).toThrow(
    expect.objectContaining({ next: [expect.stringContaining("--name")] }),
  );
  expect(existsSync(path.join(parent, "é"))).toBe(false);
});
