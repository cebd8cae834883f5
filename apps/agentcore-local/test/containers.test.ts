import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEngine } from "../src/sandbox/containers.ts";
import { EVALUATOR, LocalService, newSessionId } from "./local-service.ts";

const limits = { memoryMb: 512, maxProcesses: 128, maxFiles: 1024, scratchBytes: 1024 * 1024, owner: "test", environment: {} };
const usable: ("docker" | "podman")[] = [];
for (const name of ["docker", "podman"] as const) if (typeof (await openEngine(name, limits)) !== "string") usable.push(name);

test.each(["docker", "podman"] as const)("%s is used once it has run a container, and else says why not", async (name) => {
  const opened = await openEngine(name, limits);
  expect(typeof opened !== "string").toBe(usable.includes(name));
  expect(typeof opened === "string" ? opened : opened.name).toContain(name);
});

/** Only where there is a daemon of Docker's, or podman, that can run a container: many machines for tests are containers themselves. */
describe.each(usable)("a service with %s", (engine) => {
  let local: LocalService;
  let arn: string;
  const opened = createServer((_request, response) => response.writeHead(204).end());
  let port: number;

  beforeAll(async () => {
    await new Promise<void>((resolve) => opened.listen(0, "127.0.0.1", resolve));
    ({ port } = opened.address() as AddressInfo);
    local = await LocalService.start({ AGENTCORE_LOCAL_SANDBOX: engine, WHS_CELL_EGRESS_ALLOW: `127.0.0.1:${port}` });
    ({ arn } = await local.create("contained", await local.push("agents/contained", EVALUATOR), {
      filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
    }));
  }, 120_000);
  afterAll(async () => {
    await local.close();
    opened.close();
  }, 60_000);
  const run = async (code: string, id: string) => JSON.parse(await local.invoke(arn, { run: code }, id)) as unknown;

  test("says so in its notes", () => {
    expect(local.service.notes).toContainEqual(expect.stringMatching(/^on: sandbox per session: one container/));
    expect(local.service.notes).toContainEqual(expect.stringMatching(new RegExp(`^on: filesystem and namespaces: ${engine}`)));
  });

  test("runs each session in a container without network or rights, whose storage outlives it, and which ends with it", async () => {
    const [one, other] = [newSessionId(), newSessionId()];
    const fs = 'const fs = process.getBuiltinModule("node:fs");';
    expect(
      await run("state.n = 1; return [process.getuid(), Object.keys(process.getBuiltinModule('node:os').networkInterfaces())];", one),
    ).toEqual([process.getuid?.() === 0 ? 65534 : process.getuid?.(), ["lo"]]);
    expect(await run("return state.n;", one)).toBe(1);
    expect(await run("return state.n;", other)).toBe(0);
    expect(await run(`${fs} try { fs.writeFileSync("/app/x", ""); } catch (error) { return error.code; }`, one)).toBe("EROFS");
    const proxied = (url: string) =>
      run(
        `const http = process.getBuiltinModule("node:http");
         return new Promise((resolve, reject) => http.request({ host: "127.0.0.1", port: 3128, path: ${JSON.stringify(url)} }, (res) => { res.resume(); resolve(res.statusCode); }).on("error", reject).end());`,
        one,
      );
    expect([await proxied(`http://127.0.0.1:${port}/`), await proxied("http://169.254.169.254/")]).toEqual([204, 403]);
    // More at once than fits the pipes, both ways.
    const big = "x".repeat(3_000_000);
    expect(await run(`return ${JSON.stringify(big)};`, one)).toBe(big);
    expect(await run(`${fs} fs.writeFileSync("/mnt/session/kept", "yes"); return fs.readdirSync("/mnt/session");`, one)).toEqual(["kept"]);
    await local.service.stopSessions();
    expect(await local.runs(arn, one)).toBe(false);
    expect(await run(`${fs} return [state.n, fs.readFileSync("/mnt/session/kept", "utf8")];`, one)).toEqual([0, "yes"]);
  }, 120_000);
});
