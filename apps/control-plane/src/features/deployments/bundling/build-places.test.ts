import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { buildBundle } from "./build-bundle.ts";
import { type BuildPlace, BuildPlaces } from "./build-places.ts";
import type { BuildSandbox } from "./build-sandbox.ts";
import { manifest, places as ways } from "./testing/bundle-folder.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-places-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe.each(ways)("$kind", ({ current: sandbox }) => {
  /** Bundlers that were started. */
  let started = 0;
  beforeEach(() => {
    started = 0;
  });
  const counting: BuildSandbox = {
    ...sandbox,
    plan(...args) {
      started += 1;
      return sandbox.plan(...args);
    },
  };
  const open = (spareMs?: number) =>
    new BuildPlaces({
      folder,
      sandbox: counting,
      timeoutMs: 20_000,
      ...(spareMs === undefined ? {} : { spareMs }),
      log: (error) => {
        throw error;
      },
    });
  const untilStarted = (count: number) => vi.waitFor(() => expect(started).toBe(count), { timeout: 60_000 });
  async function build({ extractedDir, started: bundler }: BuildPlace, source: string): Promise<string> {
    await writeFile(join(extractedDir, "agent.js"), source);
    const { bundle } = await buildBundle({
      extractedDir,
      started: bundler,
      manifest: { ...manifest(), entrypoint: "agent.js" },
      checksum: "",
      timeoutMs: 20_000,
      sandbox: counting,
    });
    const main = bundle.modules[bundle.mainModule];
    return main?.type === "esm" ? main.text : "";
  }

  test("after a build the next one's bundler waits, sees what is put there later, is used once, and is gone with the end", async () => {
    const places = open();
    const first = await places.take();
    expect(first.started).toBeUndefined();
    expect(await build(first, "export const fetch = () => 1;")).toContain("() => 1");
    await first.release();
    await untilStarted(2);
    const second = await places.take();
    expect(second.started?.isRunning).toBe(true);
    expect(second.extractedDir).not.toBe(first.extractedDir);
    const third = await places.take();
    expect(third.extractedDir).not.toBe(second.extractedDir);
    expect(await build(second, "export const fetch = () => 2;")).toContain("() => 2");
    expect(second.started?.isRunning).toBe(false);
    await Promise.all([second.release(), third.release()]);
    await untilStarted(3);
    await places.close();
    expect(await readdir(folder)).toEqual([]);
  });

  test("a bundler that nobody comes for ends", async () => {
    const places = open(1);
    await (await places.take()).release();
    await untilStarted(1);
    await vi.waitFor(async () => expect(await readdir(folder)).toEqual([]), { timeout: 60_000 });
    await places.close();
  });
});
