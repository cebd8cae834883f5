/** Debian's `docker-registry` on a free port, with a folder of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";

export interface RegistryProcess {
  origin: string;
  close(): Promise<void>;
}

export const REGISTRY_USER = { username: "tester", password: "a password for tests" };
/** bcrypt of the password above, as `htpasswd -B` writes it. */
const HTPASSWD = "tester:$2b$04$cWYiaI3e3OwCQbS0VMWicevzZljTpXkbcEWA/SZOazeVCIzrrkni6\n";

export async function startRegistry(options: { basicAuth?: boolean } = {}): Promise<RegistryProcess> {
  const directory = await mkdtemp(path.join(tmpdir(), "whs-registry-"));
  const htpasswd = path.join(directory, "htpasswd");
  await writeFile(htpasswd, HTPASSWD);
  const auth = options.basicAuth ? `auth:\n  htpasswd:\n    realm: registry\n    path: ${htpasswd}\n` : "";
  const config = path.join(directory, "config.yml");
  await writeFile(
    config,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${path.join(directory, "data")}\nhttp:\n  addr: 127.0.0.1:0\n${auth}`,
  );
  const child = spawn("docker-registry", ["serve", config], { stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] } });
  const said: string[] = [];
  const address = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`The registry ended: ${said.join("\n")}`)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      said.push(line);
      const listening = /listening on (127\.0\.0\.1:\d+)/.exec(line);
      if (listening?.[1] !== undefined) resolve(listening[1]);
    });
  });
  return {
    origin: `http://${address}`,
    async close() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
