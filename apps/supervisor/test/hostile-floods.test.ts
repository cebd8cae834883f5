import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestAgent } from "@whs/runtimes/conformance";
import { failure } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";
import { answerOf, deployed, ECHO, SANDBOXES } from "./hostile.ts";

describe.each(SANDBOXES)("floods of hostile agents %s", (_name, environment) => {
  let plane: DataPlane;
  let neighbour: TestAgent;
  /** Takes connections and never answers. */
  let silent: Server;
  const held = new Set<Socket>();

  beforeAll(async () => {
    silent = createServer((socket) => {
      held.add(socket.resume());
      socket.on("error", () => held.delete(socket)).on("close", () => held.delete(socket));
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    plane = await DataPlane.start({
      environment: {
        ...environment,
        WHS_CELL_MAX_FILES: "512",
        // So few that however long a busy machine takes for a flood, most of it is cut.
        WHS_CELL_LOG_LINES_PER_SECOND: "20",
        WHS_CELL_EGRESS_ALLOW: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
      },
    });
    neighbour = await deployed(plane, ECHO);
  });
  afterAll(async () => {
    await plane.close();
    for (const socket of held) socket.destroy();
    silent.close();
  });

  const silentUrl = () => `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;

  test("a flood of requests waits in line: the cell does not run out of files, and its neighbours do not notice", async () => {
    const bad = await deployed(
      plane,
      `export default { async invoke({ messages }) {
        const all = [];
        for (let i = 0; i < 3000; i += 1) { all.push(fetch(messages[0].content + i).catch((error) => error.message)); if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve)); }
        return String(await Promise.race(all));
      } };`,
    );
    const controller = new AbortController();
    const running = failure(plane.provider.invoke({ ...bad.input(silentUrl()), signal: controller.signal }));
    await expect.poll(() => held.size, { timeout: 60_000 }).toBeGreaterThan(20);
    expect(held.size).toBeLessThanOrEqual(32);
    expect((await neighbour.invoke("x")).output.text).toBe("echo: x");
    controller.abort();
    await running;
    // What it asked for ends with it.
    await expect.poll(() => held.size, { timeout: 60_000 }).toBe(0);
    expect(await answerOf(bad, "http://10.0.0.1/")).toMatch(/not a public address/);
  });

  test("a flood of callers is refused beyond what the process has files for, and those who were taken are answered", async () => {
    const slow = await deployed(
      plane,
      `export default { async invoke() { await new Promise((resolve) => setTimeout(resolve, 2000)); return "answered"; } };`,
    );
    const calls = Array.from({ length: 400 }, () => slow.invoke("x").then(({ output }) => output.text, String));
    const answers = new Set(await Promise.all(calls));
    expect(answers).toContain("answered");
    answers.delete("answered");
    // Whether any is too many at once depends on how fast the others end.
    answers.delete("ProviderError: Too many invocations are running in this cell.");
    expect(answers).toEqual(new Set());
    expect(await answerOf(slow, "x")).toBe("answered");
    expect(plane.log).not.toMatch(/it ended (by|with)/);
  });

  test("a flood of sessions closes older ones: the cell does not run out of files, and nothing is lost", async () => {
    const source = `export default { async invoke({ session }) { const n = ((await session.storage.get("n")) ?? 0) + 1; await session.storage.put("n", n); return "turn " + n; } };`;
    const bad = await deployed(plane, source, { sessionful: true });
    const sessions = Array.from({ length: 80 }, (_, index) => `ses_${index}`);
    for (const turn of [1, 2]) {
      for (let start = 0; start < sessions.length; start += 10) {
        const answers = sessions.slice(start, start + 10).map((providerSessionId) => bad.invoke("x", { providerSessionId }));
        for (const { output } of await Promise.all(answers)) expect(output.text).toBe(`turn ${turn}`);
      }
    }
    expect(await openFiles(await cellPid(plane, bad))).toBeLessThan(512 * 0.8);
    const crowd = sessions.slice(0, 50).map((providerSessionId) =>
      bad.invoke("x", { providerSessionId }).then(
        () => null,
        (error: unknown) => error,
      ),
    );
    for (const error of (await Promise.all(crowd)).filter((refused) => refused !== null))
      expect(error).toMatchObject({ kind: "capacity", retryable: true, reached: false });
    expect(plane.log).not.toMatch(/it ended (by|with)/);
  });

  test("a flood of log lines is cut, in number and in length, and the lines of others arrive", async () => {
    const bad = await deployed(
      plane,
      `const text = "\\u0001".repeat(20_000); export default { invoke() { for (let i = 0; i < 200; i += 1) console.log(i + text); return "fine"; } };`,
    );
    const quiet = await deployed(plane, `export default { invoke() { console.log("a quiet line"); return "fine"; } };`, {
      userId: bad.userId,
    });
    await Promise.all(Array.from({ length: 20 }, () => bad.invoke("x").catch(() => undefined)));
    await answerOf(quiet, "x");
    await plane.peer.line(({ agentId, message }) => agentId === quiet.agentId && message === "a quiet line");
    const lines = plane.peer.lines.filter(({ agentId }) => agentId === bad.agentId);
    expect(lines.length).toBeLessThan(2500);
    for (const { message } of lines) expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8 * 1024);
  });

  test("work that nobody waits for ends with its invocation", async () => {
    const bad = await deployed(
      plane,
      `export default { async invoke({ messages }) {
        if (messages[0].content === "linger") (async () => { for (;;) { await new Promise((resolve) => setTimeout(resolve, 5)); for (let i = 0; i < 1e6; i += 1); } })();
        return "fine";
      } };`,
    );
    await bad.invoke("linger");
    const pid = await cellPid(plane, bad);
    const idle = async () => {
      const before = await cpuTicks(pid);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return (await cpuTicks(pid)) - before;
    };
    await expect.poll(idle, { timeout: 60_000 }).toBeLessThanOrEqual(5);
  });

  test("an agent that ends its own isolate ends nobody else's", async () => {
    const bad = await deployed(
      plane,
      `import { abortIsolate } from "cloudflare:workers"; export default { invoke({ messages }) { if (messages[0].content === "abort") abortIsolate("bye"); return "fine"; } };`,
    );
    const sibling = await deployed(
      plane,
      `export default { async invoke() { await new Promise((resolve) => setTimeout(resolve, 300)); return "sibling"; } };`,
      { userId: bad.userId },
    );
    const running = sibling.invoke("x");
    expect(await failure(bad.invoke("abort"))).toMatchObject({ kind: "runtime" });
    expect((await running).output.text).toBe("sibling");
    expect(await answerOf(bad, "x")).toBe("fine");
  });
});

async function cellPid(plane: DataPlane, { userId }: TestAgent): Promise<number> {
  const { createHash } = await import("node:crypto");
  const tenant = createHash("sha256").update(userId).digest("hex");
  expect(await readdir(join(plane.folder, "dataplane", "tenants"))).toContain(tenant);
  const text = await readFile(join(plane.folder, "dataplane", "tenants", tenant, "owner.json"), "utf8");
  return (JSON.parse(text) as { pid: number }).pid;
}

async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Time that the process has computed, in hundredths of a second. */
async function cpuTicks(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
