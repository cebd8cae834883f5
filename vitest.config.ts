import { availableParallelism } from "node:os";
import path from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** One more than processors: a quarter of their time tests wait for a process or a timer. */
const maxWorkers = availableParallelism() + 1;

/** Files of little text whose tests, declared elsewhere, take long: one of them at the very end keeps all other workers waiting. */
const LONG = /conformance\.test\.ts$|\/installs\.test\.ts$|\/(storage-quota|demo)\.test\.ts$/;

/**
 * What takes long comes first, and files of one project stand together: a worker that loaded the servers' modules for one
 * file goes on with the next one (`isolate: false`), which saves a second a file. No module keeps state that a test sees.
 */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- a sequencer's own method
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project))].toSorted((one, other) => order(one.name) - order(other.name));
    return projects.flatMap((project) => {
      const own = sorted.filter((file) => file.project === project);
      return [...own.filter(({ moduleId }) => LONG.test(moduleId)), ...own.filter(({ moduleId }) => !LONG.test(moduleId))];
    });
  }
}

const order = (project: string): number => ["whole", "web", "pg", "pure"].indexOf(project);

// Databases of tests need not outlive the machine. Tests start hundreds of processes, and half of a start is compiling:
// all of them share what was compiled once.
// oxlint-disable-next-line node/no-process-env -- what workers and their children inherit
process.env["POSTGRES_UNSYNCED"] ??= "1";
// oxlint-disable-next-line node/no-process-env -- likewise
process.env["NODE_COMPILE_CACHE"] ??= path.join(import.meta.dirname, "node_modules/.cache/whs-tests");
// A busy machine holds servers up, which is no reason to refuse what tests ask of them.
// oxlint-disable-next-line node/no-process-env -- likewise
process.env["WHS_MAX_EVENT_LOOP_DELAY_MS"] ??= "60000";

const roots = "{apps,packages,examples}/*";
const exclude = ["**/node_modules/**"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers,
    sequence: { sequencer: LongFirst },
    // Long enough for a busy machine: what never comes is seen later, what comes is waited for no longer.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    // A constellation stops in ten seconds, and is removed after that.
    teardownTimeout: 60_000,
    // A poll ends when what it waits for is there; the deadline only has to outlast a busy machine.
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        // Servers, cells and sandboxes as processes: few files, each in a worker of its own.
        test: {
          name: "whole",
          include: [`${roots}/test/**/*.test.ts`],
          exclude: [...exclude, "**/*.pg.test.ts", "apps/web/test/**"],
        },
      },
      {
        extends: true,
        // Journeys through pages, in a browser; one constellation for all of these.
        test: {
          name: "web",
          include: ["apps/web/test/**/*.test.ts"],
          exclude,
          globalSetup: "apps/web/test/global-setup.ts",
          testTimeout: 180_000,
          isolate: false,
        },
      },
      {
        extends: true,
        // One PostgreSQL server for all of these; each file copies its own database from a template.
        test: {
          name: "pg",
          include: [`${roots}/{src,test}/**/*.pg.test.ts`, "bench/**/*.pg.test.ts"],
          exclude,
          globalSetup: "packages/stack/src/testing/global-setup.ts",
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "pure",
          include: [`${roots}/src/**/*.test.{ts,tsx}`, "{bench,scripts}/**/*.test.ts"],
          exclude: [...exclude, "**/*.pg.test.ts"],
          isolate: false,
        },
      },
    ],
  },
});
