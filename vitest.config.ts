import { availableParallelism } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";

/** Database and process tests wait for the operating system, not for the processor; two files at a time is the least. */
const maxWorkers = Math.max(2, availableParallelism());

// Tests start hundreds of processes, and half of a start is compiling: all of them share what was compiled once.
// oxlint-disable-next-line node/no-process-env -- what workers and their children inherit
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/whs-tests");

const roots = "{apps,packages,examples}/*/{src,test}/**";
const exclude = ["**/node_modules/**"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers,
    testTimeout: 30_000,
    hookTimeout: 60_000,
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
