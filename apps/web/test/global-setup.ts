/**
 * One constellation for all test files of a run, with every process: starting it takes longer than most of the tests. Files
 * keep apart by having people of their own.
 */
import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";

/** What a free plan allows here in a month, so that tests reach the limit soon. */
const FREE_REQUESTS = 24;

declare module "vitest" {
  export interface ProvidedContext {
    /** A file that appears when the constellation runs, or cannot be started. */
    webStackFile: string;
    freeRequests: number;
  }
}

/** What is in the file. */
export type StartedStack = Pick<Stack, "dataDir" | "endpoints" | "secrets"> | { failure: string };

/** Returns at once: other projects' tests run while it starts. */
export default function startConstellation(project: TestProject): () => Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "whs-web-"));
  const file = path.join(directory, "started.json");
  const say = (started: StartedStack): void => {
    writeFileSync(`${file}.tmp`, JSON.stringify(started), { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  };
  const starting = start(directory);
  const told = starting.then(
    ({ dataDir, endpoints, secrets }) => say({ dataDir, endpoints, secrets }),
    (error: unknown) => say({ failure: error instanceof Error ? error.message : String(error) }),
  );
  project.provide("webStackFile", file);
  project.provide("freeRequests", FREE_REQUESTS);
  return async () => {
    await told;
    // A stack that has not started has been reported by every test that needed it.
    await starting.then(
      (stack) => stack.stop(),
      () => undefined,
    );
    rmSync(directory, { recursive: true, force: true });
  };
}

function start(dataDir: string): Promise<Stack> {
  const tiersFile = path.join(dataDir, "tiers.yaml");
  const tiers = readFileSync(path.join(import.meta.dirname, "../../../config/tiers.yaml"), "utf8");
  // The first plan in the file is the free one.
  const small = tiers
    .replace(/maxRequestsPerPeriod: \d+/, `maxRequestsPerPeriod: ${FREE_REQUESTS}`)
    .replace(/maxRequestsPerSecond: \d+/, "maxRequestsPerSecond: 1000");
  writeFileSync(tiersFile, small);
  return startStack({
    dataDir,
    ports: FREE_PORTS,
    processes: ["identity", "supervisor", "whs", "fleetprompt", "web"],
    environment: {
      ...process.env,
      WHS_TIERS_FILE: tiersFile,
      WHS_STREAM_GRACE_SECONDS: "5",
      // Where nobody answers: repositories are elsewhere, and tests ask nobody there.
      WHS_GITHUB_ARCHIVE_URL: "http://127.0.0.1:1",
      FLEETPROMPT_RATE_SEARCH: "off",
      FLEETPROMPT_RATE_READ: "off",
    },
  });
}
