/**
 * Runs the runtime conformance suite on every driver and writes docs/conformance.md: what each driver was shown to do. With
 * `--check` nothing runs: it only says whether the page names the tests and drivers that there are now.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./install.mjs";

interface TestResult {
  /** `runtime conformance: <driver>`, then groups, then the guarantee. */
  ancestorTitles: readonly string[];
  title: string;
  status: string;
}
interface Row {
  group: string;
  guarantee: string;
}

const PAGE = path.join(root, "docs/conformance.md");
const SUITE = "runtime conformance: ";
const FILES = globSync("apps/*/test/*.conformance.test.ts", { cwd: root }).toSorted();
/** `it.each` and the console's widths aside, a name has no line breaks. */
const DRIVER = /runtimeConformance\(\s*"([^"]+)"/g;

/** Drivers by the file that puts each to the test, in the order of the files. */
function drivers(): string[] {
  return FILES.flatMap((file) => [...readFileSync(path.join(root, file), "utf8").matchAll(DRIVER)].map((match) => match[1] ?? ""));
}

function run(): TestResult[] {
  const folder = mkdtempSync(path.join(tmpdir(), "whs-conformance-"));
  const report = path.join(folder, "report.json");
  const vitest = path.join(root, "node_modules/.bin/vitest");
  try {
    const { status } = spawnSync(vitest, ["run", ...FILES, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (status !== 0) throw new Error("A driver does not keep the contract: the page stays as it is.");
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as { testResults: { assertionResults: TestResult[] }[] };
    return testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ ancestorTitles }) => ancestorTitles[0]?.startsWith(SUITE));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function page(results: readonly TestResult[]): string {
  const names = drivers();
  const rows = new Map<string, Row & { by: Map<string, string> }>();
  for (const { ancestorTitles, title, status } of results) {
    const [suite = "", ...groups] = ancestorTitles;
    const row: Row = { group: groups.join(" › ") || "description", guarantee: title };
    const key = JSON.stringify(row);
    const known = rows.get(key) ?? { ...row, by: new Map<string, string>() };
    known.by.set(suite.slice(SUITE.length), status);
    rows.set(key, known);
  }
  const mark = (status: string | undefined): string => (status === "passed" ? "✓" : status === undefined ? "–" : "not offered");
  const lines = [...rows.values()].map(
    ({ group, guarantee, by }) => `| ${group} | ${guarantee} | ${names.map((name) => mark(by.get(name))).join(" | ")} |`,
  );
  const total = names.map((name) => [...rows.values()].filter(({ by }) => by.get(name) === "passed").length);
  return `# Conformance of the runtimes

One suite, [\`packages/runtimes/src/conformance.ts\`](../packages/runtimes/src/conformance.ts), is the contract of the provider
port. It runs unchanged on every driver, with the real thing behind it: cells of workerd, a server that speaks
Cloudflare's API and runs what is uploaded on workerd, the local AgentCore service. \`node
scripts/write-conformance.ts\` wrote this page from a run in which nothing failed; \`npm test\` runs the same files, and
\`npm run check\` says when the page is not current.

| | guarantee | ${names.join(" | ")} |
| --- | --- | ${names.map(() => "---").join(" | ")} |
${lines.join("\n")}
| | **kept** | ${total.join(" | ")} |

What no test here can show is that Cloudflare and AWS behave as their documentation says: see
[cloudflare.md](cloudflare.md#what-was-and-was-not-verified).
`;
}

/** Guarantees in the suite's source, as far as they are written out. */
function guarantees(): string[] {
  const source = readFileSync(path.join(root, "packages/runtimes/src/conformance.ts"), "utf8");
  return [...source.matchAll(/\btest\(\s*"((?:[^"\\]|\\.)+)"/g)].map((match) => JSON.parse(`"${match[1]}"`) as string);
}

function missing(text: string): string[] {
  return [...drivers(), ...guarantees()].filter((name) => !text.includes(name));
}

if (process.argv.includes("--check")) {
  const [first] = missing(readFileSync(PAGE, "utf8"));
  if (first !== undefined) {
    process.stderr.write(`docs/conformance.md does not know "${first}": run node scripts/write-conformance.ts\n`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(PAGE, page(run()));
}
