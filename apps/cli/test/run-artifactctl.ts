/** Runs `artifactctl` in this process, with an environment, streams and a folder of its own. */
import { readEnvironment } from "../src/artifactctl/config.ts";
import { runArtifactctl } from "../src/artifactctl/run.ts";

export interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** Standard output as JSON. */
  json: <T = Answer>() => T;
}

export interface Answer {
  exitCode: number;
  findings: { code: string; contract: string; severity: string; path: string; message: string; action: string }[];
  plan?: { stateHash: string; entries: { agent: string; changes: { action: string }[] }[] } | null;
  results?: { agent: string; status: string; agentId?: string; deploymentId?: string; version?: number }[];
  stack?: unknown;
}

export async function artifactctl(
  args: readonly string[],
  { env = {}, cwd }: { env?: Record<string, string>; cwd: string },
): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  const exitCode = await runArtifactctl(args, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    environment: readEnvironment(env),
    cwd,
  });
  return { exitCode, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
}
