import type { Programs } from "./programs.ts";

/** "nobody": the user that foreign code runs as when we are root. */
export const SANDBOX_UID = 65534;

/** Whom foreign code runs as. */
export interface SandboxUser {
  /** Another user than ours; null: ours. */
  uid: number | null;
  detail: string;
  active: boolean;
}

/** `who` is what runs, for the sentences: "cells". `server` is who starts it. */
export function chooseUser(programs: Programs, who: string, server: string): SandboxUser {
  const own = process.getuid?.() ?? null;
  if (own === null) return { uid: null, active: false, detail: "this system has no user ids" };
  if (own !== 0) return { uid: null, active: true, detail: `${who} run as user ${own}, like the ${server}, which is not root` };
  if (programs.setpriv === undefined) return { uid: null, active: false, detail: `${who} run as root: setpriv (util-linux) is missing` };
  return { uid: SANDBOX_UID, active: true, detail: `${who} run as user ${SANDBOX_UID}` };
}

/** Arguments of setpriv that make another user of us, without any right. */
export function changeUser({ uid }: SandboxUser): readonly string[] {
  return uid === null
    ? []
    : [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"];
}

/** Words before a command outside bubblewrap: another user where we may, no way to more rights, and death with its starter. */
export function userPrefix(programs: Programs, user: SandboxUser): readonly string[] {
  if (programs.setpriv === undefined) return [];
  return [programs.setpriv, "--pdeathsig=KILL", "--no-new-privs", ...changeUser(user), "--"];
}
