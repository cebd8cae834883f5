import { AwsError } from "../http/aws-error.ts";
import type { RunningSandbox } from "../sandbox/running-sandbox.ts";

/** A loaded machine takes its time; a browser takes most. */
const START_MS = 60_000;

/** Until the tool answers. @throws AwsError */
export async function untilHealthy(sandbox: RunningSandbox, path: string): Promise<RunningSandbox> {
  try {
    const { body } = await sandbox.pool.request({ method: "GET", path, signal: AbortSignal.timeout(START_MS) });
    await body.dump();
    return sandbox;
  } catch (cause) {
    sandbox.kill();
    throw new AwsError("InternalServerException", `The tool did not start: ${await sandbox.ended}.`, { cause });
  }
}
