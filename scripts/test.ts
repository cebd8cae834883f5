/** `npm test [-- filters]`: everything the tests need, all tests, and one line of counts at the very end. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "./install.mjs";
import { ensureTestTools } from "./test-tools.ts";

interface Counts {
  passed: number;
  failed: number;
}

/** The part of Vitest's JSON report that is counted. A file that cannot be loaded has no tests but has failed. */
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

const missing = ensureTestTools();
if (missing.length > 0) {
  process.stderr.write(`${missing.join("\n")}\n`);
  process.exit(1);
}

const reports = mkdtempSync(path.join(tmpdir(), "whs-test-"));
let exitCode = 1;
let counts: Counts = { passed: 0, failed: 0 };
try {
  const report = path.join(reports, "vitest.json");
  exitCode = await runVitest(process.argv.slice(2), report);
  if (existsSync(report)) counts = count(JSON.parse(readFileSync(report, "utf8")));
} finally {
  rmSync(reports, { recursive: true, force: true });
}
if (counts.passed + counts.failed === 0 || counts.failed > 0) exitCode ||= 1;
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`, () => process.exit(exitCode));

async function runVitest(filters: readonly string[], report: string): Promise<number> {
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  const args = [vitest, "run", ...filters, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  const forward = (signal: NodeJS.Signals): boolean => child.kill(signal);
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  process.on("disconnect", () => child.kill("SIGTERM"));
  process.channel?.unref();
  const [code]: unknown[] = await once(child, "close");
  return typeof code === "number" ? code : 1;
}

function count(report: VitestReport): Counts {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((assertion) => assertion.status === "failed"),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length };
}
