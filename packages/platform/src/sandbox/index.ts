/** What keeps foreign code in its place: bubblewrap, users without rights, control groups. Each app composes its own sandbox of it. */
export { bubblewrapWords, parentDirectories } from "./bubblewrap.ts";
export { type CgroupLimits, type Cgroups, joinGroups, openCgroups } from "./cgroups.ts";
export type { IsolationLayer } from "./layers.ts";
export { findPrograms, librariesOf, type Programs } from "./programs.ts";
export { runCommand, SEARCH_PATH } from "./run-command.ts";
export { closeServer, listenOn } from "./sockets.ts";
export { changeUser, chooseUser, SANDBOX_UID, type SandboxUser, userPrefix } from "./user.ts";
