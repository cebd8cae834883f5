import { SANDBOX_UID } from "./user.ts";

/** As root no user namespace is needed, which some systems refuse; as an ordinary user nothing works without one. */
const ROOT_NAMESPACES = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"];
const USER_NAMESPACES = ["--unshare-all", "--uid", String(SANDBOX_UID), "--gid", String(SANDBOX_UID)];

/**
 * Bubblewrap and its arguments up to those that say what of the file system is seen: own mount, process, network, IPC and host
 * name spaces, no capabilities, no environment, death with its starter.
 * `root`: we are root and the command that follows gives that up by setpriv, for which it keeps the capabilities to do so.
 */
export function bubblewrapWords(bwrap: string, { root }: { root: boolean }): readonly string[] {
  const capabilities = root ? ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"].flatMap((capability) => ["--cap-add", capability]) : [];
  const names = root ? ROOT_NAMESPACES : USER_NAMESPACES;
  return [bwrap, ...names, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", ...capabilities];
}

/** Makes every directory above the paths; those that bubblewrap makes by itself are closed to the other user. */
export function parentDirectories(paths: readonly string[]): readonly string[] {
  const folders = paths.flatMap((path) => {
    const parts = path.split("/").slice(1, -1);
    return parts.map((_part, index) => `/${parts.slice(0, index + 1).join("/")}`);
  });
  const fromTheTop = [...new Set(folders)].toSorted((a, b) => a.length - b.length);
  return fromTheTop.flatMap((folder) => ["--perms", "0755", "--dir", folder]);
}
