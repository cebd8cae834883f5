/** Unix sockets between us and a sandbox. */
import { chmod, chown, rm } from "node:fs/promises";
import type { Server } from "node:http";

/** Binds with a mode that lets nobody but `uid` (null: us) connect, over what a killed process left. */
export async function listenOn(server: Server, socketPath: string, uid: number | null): Promise<Server> {
  await rm(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, () => {
      server.off("error", reject);
      resolve();
    });
  });
  await chmod(socketPath, 0o600);
  if (uid !== null) await chown(socketPath, uid, uid);
  return server;
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
