import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildBundle, BundleBuildError, openBuildSandbox, type BuildSandbox } from "./build-bundle.ts";
import { startBuild } from "./run-build.ts";
import { agent, createBundleFolder, manifest, plain, sandbox, type BundleFolder } from "./testing/bundle-folder.ts";

let folder: BundleFolder;
beforeEach(async () => {
  folder = await createBundleFolder();
});
afterEach(() => folder.remove());

test("the sandbox is used wherever bubblewrap can be", async () => {
  const canBeUsed = await promisify(execFile)("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "true"]).then(
    () => true,
    () => false,
  );
  expect(sandbox.sandboxed).toBe(canBeUsed);
});

describe.runIf(sandbox.sandboxed)("the sandbox itself", () => {
  /** Runs a script of ours in the place of the bundler. */
  async function inside(script: string): Promise<unknown> {
    await folder.place({ "src/agent.ts": agent });
    const plan = sandbox.plan(folder.extractedDir, { memoryMb: 1024, cpuSeconds: 10 });
    const args = [...plan.args.slice(0, -2), "--input-type=module", "-e", script];
    const result = await startBuild({ ...plan, args }, 100_000).finish("", 10_000);
    return JSON.parse(result.stdout.toString() || `"${result.stderr}"`);
  }

  test("shows the bundle, Node, esbuild and the agent library, and no other file", async () => {
    const seen = await inside(`
      import { existsSync, readdirSync } from "node:fs";
      console.log(JSON.stringify({
        root: readdirSync("/").filter((name) => !name.startsWith("lib")), whs: readdirSync("/whs"), bundle: readdirSync("/bundle"),
        host: ["/etc", "/proc", "/sys", "/root", "/home", "/tmp", "/usr/bin", "/var"].filter((path) => existsSync(path)),
      }))`);
    const { root, ...rest } = seen as { root: string[] };
    expect(root.filter((name) => name !== "usr").toSorted()).toEqual(["bundle", "dev", "whs"]);
    expect(rest).toMatchObject({
      whs: expect.arrayContaining(["agent", "bundle-worker.mjs", "esbuild", "node"]) as string[],
      bundle: ["src"],
      host: [],
    });
  });

  test("has no network, no environment, no rights and no place to write", async () => {
    const seen = await inside(`
      import { writeFileSync } from "node:fs"; import { networkInterfaces } from "node:os"; import { connect } from "node:net";
      const failure = (path) => { try { writeFileSync(path, "x"); return "written"; } catch (error) { return error.code; } };
      const connected = await new Promise((resolve) => connect({ host: "1.1.1.1", port: 53 }).on("connect", () => resolve("connected")).on("error", (error) => resolve(error.code)));
      console.log(JSON.stringify({
        connected, interfaces: Object.keys(networkInterfaces()).filter((name) => name !== "lo"), environment: Object.keys(process.env).filter((name) => name !== "PWD"), uid: process.getuid(),
        writes: ["/x", "/bundle/x", "/whs/x", "/bundle/src/agent.ts"].map(failure),
      }))`);
    expect(seen).toEqual({
      connected: "ENETUNREACH",
      interfaces: [],
      environment: ["ESBUILD_BINARY_PATH"],
      uid: 65534,
      writes: ["EROFS", "EROFS", "EROFS", "EROFS"],
    });
  });
});

describe("a sandbox", () => {
  test("that cannot be used is said, with the reason, and building goes on", async () => {
    const broken = await openBuildSandbox({ bubblewrap: "/bin/false" });
    expect(broken).toMatchObject({ sandboxed: false, detail: expect.stringContaining("bubblewrap cannot be used here") as string });
    expect((await folder.build({ "src/agent.ts": agent }, { sandbox: broken })).bundle.mainModule).toBe("agent.js");
  });

  test("a bundler that cannot be started is a fault, not a finding", async () => {
    await folder.place({ "src/agent.ts": agent });
    const failing: BuildSandbox = { ...plain, plan: (...args) => ({ ...plain.plan(...args), file: "/bin/false", args: [] }) };
    await expect(
      buildBundle({ extractedDir: folder.extractedDir, manifest: manifest(), checksum: "", timeoutMs: 5000, sandbox: failing }),
    ).rejects.toThrow(/^Cannot run the bundler/);
    await expect(folder.build({}, { sandbox: failing })).rejects.not.toBeInstanceOf(BundleBuildError);
  });
});
