import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";

const AGENT = `export default { async invoke({ session, messages }) {
  const [verb] = messages[0].content.split(" ");
  if (verb === "put") await session.storage.put("k", messages[0].content);
  if (verb === "clear") await session.storage.delete("k");
  if (verb === "brief") { await session.storage.put("k", "x"); await session.storage.delete("k"); }
  if (verb === "say") await session.messages.append(...messages);
  if (verb === "unawaited") session.storage.put("k", "late");
  if (verb === "throw") { await session.storage.put("k", "before the error"); throw new Error("after a write"); }
  return String(await session.storage.get("k"));
} };`;

describe("what sessions leave on the disk", () => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await DataPlane.start();
  });
  afterAll(() => plane.close());

  async function agent(): Promise<TestAgent> {
    const made = new TestAgent(plane, {});
    await made.deploy(AGENT, { sessionful: true });
    return made;
  }
  const invoke = (made: TestAgent, text: string, session = "ses_1") => made.invoke(text, { providerSessionId: session });

  test("a session that stores nothing leaves no file, however often it is called, read or streamed", async () => {
    const made = await agent();
    for (let i = 0; i < 3; i += 1) expect((await invoke(made, "read")).sessionStored).toBe(false);
    await made.stream("read", { providerSessionId: "ses_1" });
    expect(await sessionFiles(plane, made)).toEqual([]);
  });

  test("a session that stores something has files of its own and an entry in its agent's index", async () => {
    const made = await agent();
    expect((await invoke(made, "put x")).sessionStored).toBe(true);
    const files = await sessionFiles(plane, made);
    expect(files.length).toBeGreaterThan(0);
    expect(new Set(files.map((file) => file.split(".")[0])).size).toBe(1);
    expect(await indexEntries(plane, made)).toEqual([files[0]?.split(".")[0]]);
  });

  test("a session that comes to hold nothing again is removed, files and index and all", async () => {
    const made = await agent();
    await invoke(made, "put x");
    expect((await invoke(made, "clear")).sessionStored).toBe(false);
    await until(async () => (await sessionFiles(plane, made)).length === 0 && (await indexEntries(plane, made)).length === 0);
    expect((await invoke(made, "put y")).output.text).toBe("put y");
    expect((await invoke(made, "read")).output.text).toBe("put y");
  });

  test("a new session that stores something and takes it back leaves nothing", async () => {
    const made = await agent();
    expect((await invoke(made, "brief")).sessionStored).toBe(false);
    await until(async () => (await sessionFiles(plane, made)).length === 0 && (await indexEntries(plane, made)).length === 0);
  });

  test("what is written after a session was removed is kept, even while the removal runs", async () => {
    const made = await agent();
    for (let round = 0; round < 10; round += 1) {
      await invoke(made, "put x");
      await invoke(made, "clear");
      expect((await invoke(made, `put ${round}`)).sessionStored).toBe(true);
      expect((await invoke(made, "read")).output.text).toBe(`put ${round}`);
      await invoke(made, "clear");
    }
  });

  test("a write that the agent did not wait for is kept", async () => {
    const made = await agent();
    expect((await invoke(made, "unawaited")).sessionStored).toBe(true);
    expect((await invoke(made, "read")).output.text).toBe("late");
  });

  test("a write before an error is kept", async () => {
    const made = await agent();
    await expect(invoke(made, "throw")).rejects.toThrow("after a write");
    expect((await invoke(made, "read")).output.text).toBe("before the error");
  });

  test("kept messages alone make a session worth keeping", async () => {
    const made = await agent();
    expect((await invoke(made, "say hello")).sessionStored).toBe(true);
  });

  test("a destroyed session and a destroyed agent leave no file", async () => {
    const made = await agent();
    const sibling = new TestAgent(plane, { userId: made.userId });
    await sibling.deploy(AGENT, { sessionful: true });
    await invoke(sibling, "put sibling");
    for (const session of ["ses_1", "ses_2", "ses_3"]) await invoke(made, "put x", session);
    await plane.provider.destroySession({ ...made.ref(), providerSessionId: "ses_1" });
    expect(await indexEntries(plane, made)).toHaveLength(2);
    await plane.provider.destroy({ userId: made.userId, agentId: made.agentId });
    expect(await indexEntries(plane, made)).toEqual([]);
    expect(new Set((await sessionFiles(plane, sibling)).map((file) => file.split(".")[0]))).toEqual(
      new Set(await indexEntries(plane, sibling)),
    );
    expect((await invoke(sibling, "read")).output.text).toBe("put sibling");
  });

  test("nothing of a tenant stays when its last agent is destroyed", async () => {
    const made = await agent();
    await invoke(made, "put x");
    await plane.provider.destroy({ userId: made.userId, agentId: made.agentId });
    expect(await tenantFolder(plane, made)).toBeNull();
  });
});

async function until(look: () => Promise<boolean>): Promise<void> {
  for (const untilMs = Date.now() + 10_000; Date.now() < untilMs;) {
    if (await look()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Waited too long.");
}

async function tenantFolder(plane: DataPlane, { userId }: TestAgent): Promise<string | null> {
  const { createHash } = await import("node:crypto");
  const name = createHash("sha256").update(userId).digest("hex");
  const tenants = join(plane.folder, "dataplane", "tenants");
  return (await readdir(tenants)).includes(name) ? join(tenants, name) : null;
}

/** Files of sessions; `metadata` is the namespace's own and there from the start. */
async function sessionFiles(plane: DataPlane, made: TestAgent): Promise<string[]> {
  return (await list(join((await tenantFolder(plane, made)) ?? "", "storage", "sessions"))).filter((name) => !name.startsWith("metadata."));
}

async function indexEntries(plane: DataPlane, made: TestAgent): Promise<string[]> {
  return list(join((await tenantFolder(plane, made)) ?? "", "sessions", made.agentId));
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
