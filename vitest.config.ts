import { availableParallelism } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** One more than processors: a quarter of their time tests wait for a process or a timer. */
const maxWorkers = availableParallelism() + 1;

/** Files of little text whose tests, declared elsewhere, take long: one of them at the very end keeps all other workers waiting. */
const LONG = /conformance\.test\.ts$|\/installs\.test\.ts$|\/(storage-quota|demo)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's own method
    const sorted = await super.sort(files);
    return [...sorted.filter(({ moduleId }) => LONG.test(moduleId)), ...sorted.filter(({ moduleId }) => !LONG.test(moduleId))];
  }
}

// Databases of tests need not outlive the machine. Tests start hundreds of processes, and half of a start is compiling:
// all of them share what was compiled once.
// oxlint-disable-next-line node/no-process-env -- what workers and their children inherit
process.env["POSTGRES_UNSYNCED"] ??= "1";
// oxlint-disable-next-line node/no-process-env -- likewise
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/whs-tests");

const roots = "{apps,packages,examples}/*/{src,test}/**";
const exclude = ["**/node_modules/**"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers,
    sequence: { sequencer: LongFirst },
    // Long enough for a busy machine: what never comes is seen later, what comes is waited for no longer.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A poll ends when what it waits for is there; the deadline only has to outlast a busy machine.
    expect: { poll: { timeout: 15_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: [`${roots}/*.test.{ts,tsx}`, "{bench,scripts}/**/*.test.ts"],
          exclude: [...exclude, "**/*.pg.test.ts"],
        },
      },
      {
        extends: true,
        // One PostgreSQL server for all of these; each file copies its own database from a template.
        test: {
          name: "pg",
          include: [`${roots}/*.pg.test.ts`, "bench/**/*.pg.test.ts"],
          exclude,
          globalSetup: "packages/stack/src/testing/global-setup.ts",
        },
      },
    ],
  },
});
