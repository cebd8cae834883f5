/** Rules on imports that need the resolved path of both ends. `.oxlintrc.json` has those that a package's name decides. */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./install.mjs";

/** `import … from "x"`, `export … from "x"`, `import "x"` and `import("x")`. */
const SPECIFIER = /(?:^|[\s;])(?:import|export)\s*(?:[\w*{}\s,$]+?\sfrom\s*)?["']([^"'\n]+)["']|\bimport\(\s*["']([^"'\n]+)["']\s*\)/g;

interface Import {
  from: string;
  to: string;
}

interface Rule {
  /** Why, for the person who broke it. */
  message: string;
  forbids: (imported: Import) => boolean;
}

const RULES: readonly Rule[] = [
  {
    message: "a relative import must stay inside its workspace; import packages by name, apps not at all",
    forbids: ({ from, to }) => workspaceOf(from) !== undefined && workspaceOf(to) !== workspaceOf(from),
  },
  {
    message: "a feature is entered through its index.ts",
    forbids: ({ from, to }) => {
      const target = featureOf(to);
      return target !== undefined && featureOf(from) !== target && !isTest(from) && to !== `${target}/index.ts`;
    },
  },
  {
    message: "routes never import a store; they call a use case",
    forbids: ({ from, to }) => isNamed(from, "routes") && isNamed(to, "store"),
  },
  {
    message: "a store imports no other feature",
    forbids: ({ from, to }) => isNamed(from, "store") && featureOf(to) !== undefined && featureOf(to) !== featureOf(from),
  },
];

/** @returns one line per broken rule */
export function brokenImports(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([from, source]) =>
    relativeImports(from, source).flatMap((imported) =>
      RULES.filter((rule) => rule.forbids(imported)).map((rule) => `${imported.from} imports ${imported.to}: ${rule.message}`),
    ),
  );
}

function relativeImports(from: string, source: string): Import[] {
  const specifiers = [...source.matchAll(SPECIFIER)].map((match) => match[1] ?? match[2] ?? "");
  return specifiers
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => ({ from, to: path.posix.join(path.posix.dirname(from), specifier) }));
}

/** `apps/web`, `packages/api`, `examples/echo`; undefined for files of the root. */
function workspaceOf(file: string): string | undefined {
  return /^(?:(?:apps|packages|examples)\/[^/]+|bench)/.exec(file)?.[0];
}

function featureOf(file: string): string | undefined {
  return /^apps\/(?!web\/)[^/]+\/src\/features\/[^/]+/.exec(file)?.[0];
}

/** `store.ts`, and its parts: `store/tokens.ts`, `tokens-store.ts`. */
function isNamed(file: string, role: "routes" | "store"): boolean {
  return new RegExp(`(?:^|[/-])${role}(?:\\.ts$|/)`).test(file) && !isTest(file);
}

function isTest(file: string): boolean {
  return /\.test\.tsx?$/.test(file) || /\/test\//.test(file);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = globSync("{apps,packages,examples,bench}/**/*.{ts,tsx}", {
    cwd: root,
    exclude: ["**/node_modules/**", "**/dist/**", "**/build/**"],
  });
  const files = new Map(names.map((name) => [name.split(path.sep).join("/"), readFileSync(path.join(root, name), "utf8")]));
  const broken = brokenImports(files);
  process.stdout.write(broken.map((line) => `${line}\n`).join(""));
  process.exit(broken.length === 0 ? 0 : 1);
}
