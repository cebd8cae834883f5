/** What of a file system a sandbox sees. Everything is read-only but what is said not to be. */
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isSystemError } from "@whs/platform/durable-files";
import { parentDirectories } from "@whs/platform/sandbox";
import { resolveInside } from "../images/compose-root.ts";

/** A file or directory of this machine, `from`, seen at `at`; or a link there, with where it leads on this machine, if it does. */
export type Mount = { at: string; from: string } | { at: string; link: string; from: string | null };

/** Mounted anew in every sandbox. */
const OWN = new Set(["proc", "dev", "sys", "tmp", "run", ".whs"]);
/** Where the system's programs and what they read are; nothing of users, of services or of their secrets. */
const HOST_PATHS = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/google"];
const HOST_FILES = ["/etc/alternatives", "/etc/fonts", "/etc/ssl/certs", "/etc/ld.so.cache", "/etc/mime.types", "/etc/localtime"];

/** An image's root, entry by entry, so that `/` itself stays free for other mounts. */
export async function imageView(root: string): Promise<readonly Mount[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const mounts = entries
    .filter(({ name }) => !OWN.has(name))
    .map(({ name }) =>
      mountOf(join(root, name), `/${name}`, async () => {
        const inside = await resolveInside(root, name);
        return inside === null ? null : join(root, inside);
      }),
    );
  return (await Promise.all(mounts)).flat();
}

/** This machine's own programs, for tools that come with it. */
export async function hostView(): Promise<readonly Mount[]> {
  const mounts = [...HOST_PATHS, ...HOST_FILES].map((path) => mountOf(path, path, () => realpath(path)));
  return (await Promise.all(mounts)).flat();
}

/** As bubblewrap's arguments. Links stay links, since what they lead to may be another mount. */
export function bubblewrapMounts(mounts: readonly Mount[]): readonly string[] {
  const words = mounts.map((mount) => ("link" in mount ? ["--symlink", mount.link, mount.at] : ["--ro-bind", mount.from, mount.at]));
  return [...parentDirectories(mounts.map(({ at }) => at)), ...words.flat()];
}

async function mountOf(source: string, at: string, target: () => Promise<string | null>): Promise<readonly Mount[]> {
  try {
    const found = await lstat(source);
    if (found.isSymbolicLink() && !at.startsWith("/etc/")) return [{ at, link: await readlink(source), from: await target() }];
    return [{ at, from: source }];
  } catch (error) {
    if (isSystemError(error, "ENOENT")) return [];
    throw error;
  }
}
