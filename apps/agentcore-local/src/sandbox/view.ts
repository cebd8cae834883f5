/** What of a file system a sandbox sees, as bubblewrap's arguments. Everything is read-only but what is said not to be. */
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError } from "@whs/platform/durable-files";
import { parentDirectories } from "@whs/platform/sandbox";

/** Mounted anew in every sandbox. */
const OWN = new Set(["proc", "dev", "sys", "tmp", "run", ".whs"]);
/** Where the system's programs and what they read are; nothing of users, of services or of their secrets. */
const HOST_PATHS = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/google"];
const HOST_FILES = ["/etc/alternatives", "/etc/fonts", "/etc/ssl/certs", "/etc/ld.so.cache", "/etc/mime.types", "/etc/localtime"];

/** An image's root, entry by entry, so that `/` itself stays free for other mounts. */
export async function imageView(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const words = entries.filter(({ name }) => !OWN.has(name)).map(({ name }) => bind(join(root, name), `/${name}`));
  return (await Promise.all(words)).flat();
}

/** This machine's own programs, for tools that come with it. */
export async function hostView(): Promise<readonly string[]> {
  const words = [...HOST_PATHS, ...HOST_FILES].map((path) => bind(path, path));
  return [...parentDirectories([...HOST_FILES, "/opt/google"]), ...(await Promise.all(words)).flat()];
}

/** Links stay links, since what they lead to may be another mount. */
async function bind(source: string, target: string): Promise<readonly string[]> {
  try {
    const found = await lstat(source);
    if (found.isSymbolicLink() && !target.startsWith("/etc/")) return ["--symlink", await readlink(source), target];
    return ["--ro-bind", source, target];
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
