import { agentManifestJsonSchema } from "@whs/artifact";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { installationRoot } from "../config.ts";
import { UsageError, UserError } from "../errors.ts";
import { readAgentPackage } from "./own-agent-package.ts";
import type { TemplateName } from "./templates.ts";

const EXAMPLES = path.join(installationRoot, "examples");
const SCHEMA_FILE = "types/agent.config.schema.json";

interface ProjectFile {
  path: string;
  text: string;
}

/**
 * Writes a new project: the template's files under the project's own name, and what an editor needs to know with
 * nothing installed. @throws UserError before anything is written when a file is there already.
 */
export function scaffoldProject(options: { folder: string; template: TemplateName; name: string | undefined }): {
  name: string;
  files: string[];
} {
  const folder = path.resolve(options.folder);
  const name = options.name ?? nameOf(folder);
  const files = [
    ...templateFiles(options.template, name),
    ...editorFiles(),
    { path: ".gitignore", text: "node_modules/\ndist/\n.env*\n" },
    { path: ".whsignore", text: WHSIGNORE },
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const present = files.filter((file) => existsSync(path.join(folder, file.path)));
  if (present.length > 0) {
    throw new UserError("Nothing was written, because these are there already:", {
      code: "CONFLICT",
      details: present.map((file) => path.join(options.folder, file.path)),
      next: ["whs init another-folder"],
    });
  }
  for (const file of files) {
    const target = path.join(folder, file.path);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, file.text, { flag: "wx" });
  }
  return { name, files: files.map((file) => file.path) };
}

const WHSIGNORE = "# Files that must never be bundled, in the form of .gitignore. Keys and .env files never are.\n";

function nameOf(folder: string): string {
  const name = path
    .basename(folder)
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
  if (name.length >= 3) return name;
  throw new UsageError(`"${path.basename(folder)}" makes no name for an agent, which has 3 to 64 of A-Z, a-z, 0-9, _ and -.`, {
    next: ["whs init <folder> --name <name>"],
  });
}

function templateFiles(template: TemplateName, name: string): ProjectFile[] {
  const folder = path.join(EXAMPLES, template);
  const names = globSync(["agent.config.json", "package.json", "tsconfig.json", "README.md", "src/**/*"], {
    cwd: folder,
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join("/"));
  return names.map((file) => ({ path: file, text: personalise(file, readFileSync(path.join(folder, file), "utf8"), template, name) }));
}

/** The example's name becomes the project's, and what ties it to this repository goes. */
function personalise(file: string, text: string, template: TemplateName, name: string): string {
  if (file === "agent.config.json") return toJson({ ...(JSON.parse(text) as object), $schema: `./${SCHEMA_FILE}`, name });
  if (file === "package.json") {
    const {
      dependencies,
      devDependencies: _mine,
      ...manifest
    } = JSON.parse(text) as { dependencies?: Record<string, string>; devDependencies?: unknown };
    const { "@whs/agent": _bundled, ...others } = dependencies ?? {};
    return toJson({
      ...manifest,
      name: name.toLowerCase().replace(/^[_-]+/, ""),
      ...(Object.keys(others).length === 0 ? {} : { dependencies: others }),
    });
  }
  if (file === "tsconfig.json") return toJson({ ...(JSON.parse(text) as object), include: ["src", "types"] });
  return file === "README.md" ? renameInReadme(text, template, name) : text;
}

/** In the title and in commands; elsewhere the word may be somebody else's name. */
function renameInReadme(text: string, template: TemplateName, name: string): string {
  return text
    .split("\n")
    .map((line) => (line.startsWith("# ") || line.includes("whs ") ? line.replaceAll(new RegExp(`(?<= )${template}\\b`, "g"), name) : line))
    .join("\n");
}

/** Types of `@whs/agent` and the manifest's schema. `whs build` brings the package itself. */
function editorFiles(): ProjectFile[] {
  const types = readAgentPackage("types.ts")
    .trim()
    .replace(/^(?=.)/gm, "  ");
  const declaration = `declare module "@whs/agent" {\n${types}\n\n  /** Gives \`invoke\` its types. */\n  export function defineAgent<Env = Record<string, string>>(agent: Agent<Env>): Agent<Env>;\n}\n`;
  return [
    { path: "types/whs-agent.d.ts", text: `// Written by whs init, for the editor. whs build brings @whs/agent itself.\n${declaration}` },
    { path: SCHEMA_FILE, text: toJson(agentManifestJsonSchema()) },
  ];
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
