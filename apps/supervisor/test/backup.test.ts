import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { request, Agent } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";
import { deployed } from "./hostile.ts";

/** Writes two keys one after the other: a copy in which they differ is of no moment that there ever was. */
const PAIRS = `export default { async *invoke({ session, messages }) {
  if (messages[0].content === "read") { yield (await session.storage.get("a")) + " " + (await session.storage.get("b")); return; }
  for (let i = 1; i <= Number(messages[0].content); i += 1) {
    await session.storage.transaction(async (t) => { await t.put("a", i); await t.put("b", i); });
    yield i + "\\n";
  }
} };`;
/** The command line as people have it. */
const WHS = new URL("../../cli/bin/whs.mjs", import.meta.url).pathname;
const SESSION = { providerSessionId: "ses_1" };

describe("a backup of a node", () => {
  let plane: DataPlane;
  let fresh: DataPlane;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "whs-backup-"));
    [plane, fresh] = await Promise.all([DataPlane.start(), DataPlane.start()]);
  });
  afterAll(async () => {
    await Promise.all([plane.close(), fresh.close()]);
    await rm(folder, { recursive: true });
  });

  async function ask(
    node: DataPlane,
    verb: "create" | "restore",
    name: string,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const dispatcher = new Agent({ connect: { socketPath: node.socketPath() } });
    const { statusCode, body } = await request(`http://supervisor/backups/${verb}`, {
      method: "POST",
      dispatcher,
      body: JSON.stringify({ folder: join(folder, name) }),
    });
    const answer = { status: statusCode, body: (await body.json()) as Record<string, unknown> };
    await dispatcher.close();
    return answer;
  }

  test("is made while agents write, ends none of them, and brings deployments and sessions to a new node", async () => {
    const writer = await deployed(plane, PAIRS, { sessionful: true });
    const quiet = await deployed(plane, PAIRS, { sessionful: true });
    await quiet.invoke("7", SESSION);
    let written = 0;
    const writing = (async () => {
      for await (const event of plane.provider.invokeStream(writer.input("150", SESSION))) if (event.type === "delta") written += 1;
    })();
    await expect.poll(() => written, { timeout: 60_000 }).toBeGreaterThan(5);
    const made = await ask(plane, "create", "one");
    expect(made).toMatchObject({ status: 200, body: { tenants: 2, elsewhere: 0 } });
    await writing;
    expect((await writer.invoke("read", SESSION)).output.text).toBe("150 150");

    expect(await ask(fresh, "restore", "one")).toMatchObject({ status: 200, body: { tenants: 2 } });
    expect((await fresh.provider.invoke(quiet.input("read", SESSION))).output.text).toBe("7 7");
    const [a, b] = (await fresh.provider.invoke(writer.input("read", SESSION))).output.text.split(" ");
    expect(a).toBe(b);
    expect(Number(a)).toBeGreaterThanOrEqual(5);
    // It goes on there.
    await fresh.provider.invoke(quiet.input("9", SESSION));
    expect((await fresh.provider.invoke(quiet.input("read", SESSION))).output.text).toBe("9 9");
    // A node that has the tenants keeps what it has.
    expect(await ask(fresh, "restore", "one")).toMatchObject({
      status: 422,
      body: { message: expect.stringMatching(/on this node already/) },
    });
  });

  test("is not made over anything, and nothing is restored from what is not whole", async () => {
    await writeFile(join(folder, "file"), "");
    expect(await ask(plane, "create", ".")).toMatchObject({ status: 422, body: { message: expect.stringMatching(/not empty/) } });
    expect(await ask(fresh, "restore", "nothing")).toMatchObject({ status: 422, body: { message: expect.stringMatching(/no backup/) } });
    const made = await deployed(plane, PAIRS, { sessionful: true });
    await made.invoke("3", SESSION);
    const { stdout } = await promisify(execFile)(process.execPath, [
      WHS,
      "admin",
      "backup",
      "create",
      join(folder, "two"),
      "--socket",
      plane.socketPath(),
      "--json",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ elsewhere: 0, tenants: expect.any(Number) });
    const manifest = JSON.parse(await readFile(join(folder, "two", "manifest.json"), "utf8")) as { files: { path: string }[] };
    const victim = manifest.files.find(({ path }) => path.endsWith("modules.json"))?.path ?? "";
    await writeFile(join(folder, "two", victim), "{}");
    expect(await ask(fresh, "restore", "two")).toMatchObject({ status: 422, body: { message: `${victim} is not what was backed up.` } });
  });
});
