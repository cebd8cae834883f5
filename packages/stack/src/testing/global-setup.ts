/** Starts one PostgreSQL server for a whole test run; the run's end, or its death, takes the server and its data along. */
import { mkdtempSync, rmSync, chmodSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";
import { Child, ROOT } from "../child.ts";
import { choosePorts } from "../ports.ts";

export default async function startDatabase(project: TestProject): Promise<() => Promise<void>> {
  const directory = mkdtempSync(path.join(tmpdir(), "whs-test-postgres-"));
  // The server may run as another user, who must be able to pass.
  chmodSync(directory, 0o711);
  const { port } = await choosePorts({ port: 0 });
  const server = new Child({
    name: "postgres",
    entry: path.join(ROOT, "packages/stack/src/postgres/main.ts"),
    env: {
      ...process.env,
      PG_PORT: String(port),
      POSTGRES_DIRECTORY: path.join(directory, "data"),
      POSTGRES_PASSWORD: randomBytes(32).toString("base64url"),
      POSTGRES_DATABASES: "postgres",
      POSTGRES_THROW_AWAY: "1",
    },
    logFile: path.join(directory, "postgres.log"),
    onChange: () => undefined,
    onReady: () => undefined,
    onCrash: (description) => void process.stderr.write(`${description}\n`),
  });
  const { url } = await server.start();
  project.provide("postgresUrl", url);
  return async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  };
}
