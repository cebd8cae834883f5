import { readdir, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { failure, type TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { DataPlane } from "./data-plane.ts";
import { deployed } from "./hostile.ts";

const MB = 1024 * 1024;
const PATIENCE = { timeout: 25_000, interval: 50 };
const FULL = "0 The storage of this account's sessions is full: nothing can be put into it until sessions are deleted.";
/** Fills a session until it may not, and says why. */
const FILLER = `export default { async invoke({ session, messages }) {
  const [verb, from] = messages[0].content.split(" ");
  if (verb === "read") return String((await session.storage.list()).size);
  if (verb === "clear") { for (const key of (await session.storage.list()).keys()) await session.storage.delete(key); return "cleared"; }
  const text = "x".repeat(500 * 1024);
  for (let i = 0; i < 40; i += 1) {
    try { await session.storage.put("k" + from + i, text); } catch (error) { return i + " " + error.message; }
  }
  return "never full";
} };`;

describe("the storage of one tenant's sessions", () => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await DataPlane.start({ environment: { WHS_CELL_STORAGE_MB: "4", WHS_CELL_HEARTBEAT_MS: "50" } });
  });
  afterAll(() => plane.close());

  async function usedBytes(userId: string): Promise<number> {
    const folder = join(plane.storageDir(), "tenants", createHash("sha256").update(userId).digest("hex"), "storage", "sessions");
    const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** What the node has not measured yet may still be written; what it has measured, not. */
  function untilFull(made: TestAgent, providerSessionId: string): Promise<void> {
    return vi.waitFor(async () => expect((await made.invoke("fill 9", { providerSessionId })).output.text).toBe(FULL), PATIENCE);
  }

  test("is bounded: an agent that fills it is told so, can still read, and its tenant's other sessions are full too", async () => {
    const made = await deployed(plane, FILLER, { sessionful: true });
    const other = await deployed(plane, FILLER, { sessionful: true });
    for (let round = 0; round < 4; round += 1) await made.invoke(`fill ${round}`, { providerSessionId: "ses_0" });
    await untilFull(made, "ses_0");
    expect(Number((await made.invoke("read", { providerSessionId: "ses_0" })).output.text)).toBeGreaterThan(3);
    await untilFull(made, "ses_1");
    // Without a bound, the first four invocations alone had written 80 MB.
    expect(await usedBytes(made.userId)).toBeLessThan(64 * MB);
    expect((await other.invoke("fill 0", { providerSessionId: "ses_0" })).output.text).not.toBe(FULL);
  });

  test("has room again when a session is destroyed", async () => {
    const made = await deployed(plane, FILLER, { sessionful: true });
    await made.invoke("fill 0", { providerSessionId: "ses_0" });
    await untilFull(made, "ses_0");
    await plane.provider.destroySession({ ...made.ref(), providerSessionId: "ses_0" });
    await vi.waitFor(
      async () => expect((await made.invoke("fill 0", { providerSessionId: "ses_1" })).output.text).not.toBe(FULL),
      PATIENCE,
    );
  });

  test("an agent that gets around the bound is stopped, and its sessions are not run while they take too much", async () => {
    // The platform's code in its isolate counts with what the agent has replaced. It pauses so that the machine's speed decides nothing.
    const cheat = await deployed(
      plane,
      `const Real = Number; globalThis.Number = Object.assign(() => Infinity, Real);
      export default { async invoke({ session, messages }) {
        if (messages[0].content === "begin") { await session.storage.put("k", 1); return "begun"; }
        const text = "x".repeat(1024 * 1024);
        for (let i = 0; i < 1000; i += 1) {
          await session.storage.put("k" + i, text);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return "got around";
      } };`,
      { sessionful: true },
    );
    await cheat.invoke("begin", { providerSessionId: "ses_0" });
    const stopped = await failure(cheat.invoke("fill", { providerSessionId: "ses_0" }));
    expect(stopped).toMatchObject({ kind: "runtime", reached: true });
    await vi.waitFor(
      async () =>
        expect(await failure(cheat.invoke("fill", { providerSessionId: "ses_0" }))).toMatchObject({
          kind: "runtime",
          reached: false,
          message: expect.stringMatching(/is full/),
        }),
      PATIENCE,
    );
  });
});
