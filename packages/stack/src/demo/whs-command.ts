import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../child.ts";
import { inheritedEnvironment } from "../config.ts";
import type { Stack } from "../stack.ts";
import type { DemoPerson } from "./demo-people.ts";

const program = path.join(ROOT, "apps/cli/bin/whs.mjs");
const longestOutput = 16 * 1024 * 1024;

/** Runs `whs` as somebody. @throws Error with what it says when it fails */
export async function whs(
  { endpoints, dataDir }: Pick<Stack, "endpoints" | "dataDir">,
  person: DemoPerson,
  ...args: string[]
): Promise<void> {
  await promisify(execFile)(process.execPath, [program, ...args], {
    cwd: ROOT,
    maxBuffer: longestOutput,
    env: {
      PATH: inheritedEnvironment()["PATH"],
      // No profile of whoever starts the stack is read or changed.
      XDG_CONFIG_HOME: path.join(dataDir, "demo-config"),
      WHS_API_URL: endpoints.whs,
      WHS_API_TOKEN: person.token,
      FLEETPROMPT_API_URL: endpoints.fleetprompt,
      NO_COLOR: "1",
    },
  });
}
