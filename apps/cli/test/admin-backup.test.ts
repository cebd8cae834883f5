import { createServer, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRunner, type Runner } from "./run-whs.ts";

let folder: string;
let server: Server;
let runner: Runner;
const seen: { url: string | undefined; body: unknown }[] = [];
let answer: { status: number; body: unknown };

/** Stands for the supervisor, whose own tests make and restore real backups. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "whs-cli-"));
  runner = createRunner();
  seen.length = 0;
  answer = { status: 200, body: { tenants: 2, elsewhere: 1, files: 14, bytes: 81_920 } };
  server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      seen.push({ url: request.url, body: JSON.parse(text) });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(socket(), resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  runner.remove();
  rmSync(folder, { recursive: true, force: true });
});
const socket = (): string => path.join(folder, "s.sock");

test.each([["create"], ["restore"]])("admin backup %s asks the supervisor and says what was copied", async (action) => {
  const { exitCode, stdout } = await runner.run(["admin", "backup", action, path.join(folder, "b"), "--socket", socket()]);
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/2 accounts, 14 files.*\n.*1 account more on other nodes/),
  });
  expect(seen).toEqual([{ url: `/backups/${action}`, body: { folder: path.join(folder, "b") } }]);
});

test("a refusal of the supervisor is shown, and one that does not run is named", async () => {
  answer = { status: 422, body: { kind: "invalid", message: "/b is not empty; a backup needs a folder of its own.", retryable: false } };
  const refused = await runner.run(["admin", "backup", "create", "/b", "--socket", socket()]);
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("/b is not empty") });
  const missing = await runner.run(["admin", "backup", "create", "/b", "--socket", path.join(folder, "none.sock")]);
  expect(missing).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("none.sock cannot be reached") });
  const wrong = await runner.run(["admin", "backup", "copy", "/b", "--socket", socket()]);
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("say create or restore") });
});
