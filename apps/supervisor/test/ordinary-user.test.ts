import { TestAgent } from "@whs/runtimes/conformance";
import { describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const COUNTER = `export default { async invoke({ session }) { const n = ((await session.storage.get("n")) ?? 0) + 1; await session.storage.put("n", n); return "turn " + n; } };`;
/** Any user who is not root and not "nobody". */
const UID = 12_345;

/** Elsewhere the tests run as an ordinary user anyway. */
const isRoot = process.getuid?.() === 0;

describe("a supervisor that is not root", () => {
  test.each(["auto", "none"])("serves deployments, sessions and telemetry (sandbox: %s), and says which layers it lacks", async (mode) => {
    const plane = await DataPlane.start({ environment: { WHS_CELL_SANDBOX: mode }, ...(isRoot ? { uid: UID } : {}) });
    try {
      const made = new TestAgent(plane, {});
      await made.deploy(COUNTER, { sessionful: true });
      await made.invoke("x", { providerSessionId: "ses_1" });
      const input = made.input("x", { providerSessionId: "ses_1" });
      expect((await plane.provider.invoke(input)).output.text).toBe("turn 2");
      await plane.event(input.eventId);
      const { isolation } = await plane.provider.describe();
      expect(isolation.find(({ layer }) => layer === "unprivileged user")).toMatchObject({ active: true });
      const bubblewrap = isolation.find(({ layer }) => layer === "filesystem and namespaces");
      expect(bubblewrap?.detail).toMatch(mode === "none" ? /switched off/ : /bubblewrap/);
      expect(plane.notes.filter((note) => note.startsWith("MISSING"))).toEqual(
        isolation.filter(({ active }) => !active).map(({ layer, detail }) => `MISSING: ${layer}: ${detail}`),
      );
    } finally {
      await plane.close();
    }
  });
});
