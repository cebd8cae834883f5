import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const TIMEOUT_MS = 5_000;

/** The commit that the folder is exactly at; undefined where git, or a repository, or a clean state of the folder is missing. */
export async function commitOf(folder: string): Promise<string | undefined> {
  const [commit, changes] = await Promise.all([git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain", "--", ".")]);
  return commit !== undefined && changes === "" ? commit : undefined;
}

async function git(folder: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run("git", ["--no-optional-locks", ...args], { cwd: folder, timeout: TIMEOUT_MS });
    return stdout.trim();
  } catch {
    // No git, no repository, no commit yet: the deployment then names none.
    return undefined;
  }
}
