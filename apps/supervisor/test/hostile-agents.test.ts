import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { failure, TestAgent } from "@whs/runtimes/conformance";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DataPlane } from "./data-plane.ts";
import { DnsServer } from "@whs/platform/testing";
import { answerOf, deployed, ECHO, SANDBOXES } from "./hostile.ts";

/** Names that an attacker's own name server points at what is private. */
const PRIVATE_NAMES: Readonly<Record<string, { A?: string[]; AAAA?: string[] }>> = {
  "loopback.attacker.test": { A: ["127.0.0.1"] },
  "metadata.attacker.test": { A: ["169.254.169.254"], AAAA: ["fd00:ec2::254"] },
  "mapped.attacker.test": { AAAA: ["::ffff:7f00:1"] },
  "nat64.attacker.test": { AAAA: ["64:ff9b::7f00:1"] },
  "sixth.attacker.test": { AAAA: ["::1", "fe80::1", "fc00::1", "2002:7f00:1::"] },
  "many.attacker.test": { A: ["127.0.0.1", "10.0.0.1", "192.168.1.1"], AAAA: ["::1"] },
};

describe.each(SANDBOXES)("hostile agents %s", (_name, environment) => {
  let plane: DataPlane;
  let neighbour: TestAgent;
  /** Something private on this machine that no agent may reach. */
  let privateServer: Server;
  let privatePort: number;
  let privateHits = 0;
  let dns: DnsServer;

  beforeAll(async () => {
    privateServer = createServer((_request, response) => {
      privateHits += 1;
      response.end("private");
    });
    await new Promise<void>((resolve) => privateServer.listen(0, "0.0.0.0", resolve));
    privatePort = (privateServer.address() as AddressInfo).port;
    dns = await DnsServer.start((name, type) => PRIVATE_NAMES[name]?.[type] ?? []);
    plane = await DataPlane.start({
      environment: { ...environment, WHS_CELL_MEMORY_MB: "256", WHS_CELL_HEAP_MB: "512", WHS_CELL_EGRESS_DNS: dns.address },
    });
    neighbour = await agent(ECHO);
    await neighbour.invoke("warm");
  });
  afterAll(async () => {
    privateServer.close();
    await plane.close();
    await dns.close();
  });

  const agent = (source: string, sessionful = false): Promise<TestAgent> => deployed(plane, source, { sessionful });

  test("an agent that spins is killed; its neighbour never notices, and its own tenant is served again", async () => {
    const bad = await agent(
      `export default { invoke({ messages }) { if (messages[0].content === "spin") while (true) {} return "fine"; } };`,
    );
    const spinning = failure(bad.invoke("spin"));
    let served = 0;
    const others = setInterval(() => void neighbour.invoke("still here").then(() => (served += 1)), 100);
    expect(await spinning).toMatchObject({ kind: "runtime", retryable: true });
    clearInterval(others);
    expect(served).toBeGreaterThan(5);
    expect(await answerOf(bad, "hello")).toBe("fine");
    expect((await neighbour.invoke("x")).output.text).toBe("echo: x");
  });

  test("an agent that fills the memory is killed, and served again", async () => {
    const bad = await agent(`const held = []; export default { async invoke({ messages }) {
      if (messages[0].content !== "fill") return "fine";
      for (let i = 0; ; i++) { held.push(new Uint8Array(1024 * 1024).fill(i)); if (i % 16 === 0) await new Promise((resolve) => setTimeout(resolve)); }
    } };`);
    expect(await failure(bad.invoke("fill"))).toMatchObject({ kind: "runtime", retryable: true });
    expect(await answerOf(bad, "hello")).toBe("fine");
    expect((await neighbour.invoke("x")).output.text).toBe("echo: x");
  });

  test("an agent that fills the heap is killed, and served again", async () => {
    const bad = await agent(
      `export default { invoke({ messages }) { if (messages[0].content !== "fill") return "fine"; const held = []; while (true) held.push({ held: [held.length] }); } };`,
    );
    expect(await failure(bad.invoke("fill"))).toMatchObject({ kind: "runtime" });
    expect(await answerOf(bad, "hello")).toBe("fine");
  });

  test("nothing on this machine, on private networks or at metadata services can be reached", async () => {
    const curious = await agent(`export default { async invoke({ messages }) {
      try { const response = await fetch(messages[0].content); return "REACHED " + response.status + " " + await response.text(); } catch (error) { return "refused: " + error.message; }
    } };`);
    const targets = [
      `http://127.0.0.1:${privatePort}/`,
      `http://localhost:${privatePort}/`,
      `http://0.0.0.0:${privatePort}/`,
      `http://[::1]:${privatePort}/`,
      `http://[::ffff:127.0.0.1]:${privatePort}/`,
      `http://2130706433:${privatePort}/`,
      `http://0x7f.1:${privatePort}/`,
      `http://127.0.0.1.:${privatePort}/`,
      "http://169.254.169.254/latest/meta-data/",
      "http://[fd00:ec2::254]/latest/meta-data/",
      "http://10.0.0.1/",
      "http://192.168.1.1/",
      "http://172.16.0.1/",
      "http://100.64.0.1/",
      "http://[fe80::1]/",
      "http://[fc00::1]/",
      "http://224.0.0.1/",
      "http://[64:ff9b::7f00:1]/",
      "http://[2002:7f00:1::]/",
    ];
    for (const url of targets)
      expect((await curious.invoke(url)).output.text, url).toMatch(/^refused: .*(not a public address|no public address|failed)/);
    expect(privateHits).toBe(0);
  });

  test("names that lead to private addresses are refused, whatever their form, and asked of the operator's name server", async () => {
    const curious = await agent(
      `export default { async invoke({ messages }) { try { return "REACHED " + (await fetch(messages[0].content)).status; } catch (error) { return error.message; } } };`,
    );
    for (const name of Object.keys(PRIVATE_NAMES)) {
      expect((await curious.invoke(`http://${name}:${privatePort}/`)).output.text).toBe(
        `The request was refused: ${name} has no public address.`,
      );
      expect(dns.questions).toContain(`${name} A`);
    }
    expect(privateHits).toBe(0);
  });

  test("raw sockets and other protocols lead nowhere", async () => {
    const curious = await agent(`import { connect } from "cloudflare:sockets"; import net from "node:net";
      export default { async invoke() {
        const tries = {
          connect: async () => { const socket = connect({ hostname: "127.0.0.1", port: ${privatePort} }); await socket.opened; return "open"; },
          net: () => new Promise((resolve, reject) => net.connect(${privatePort}, "127.0.0.1").on("connect", () => resolve("open")).on("error", reject)),
          unix: () => fetch("http://control/loads/x"),
          socket: () => new Promise((resolve, reject) => { const socket = new WebSocket("ws://127.0.0.1:${privatePort}/"); socket.onopen = () => resolve("open"); socket.onerror = (event) => reject(event); }),
          file: async () => (await fetch("file:///etc/passwd")).status,
          cache: () => caches.default.match("http://127.0.0.1:${privatePort}/"),
          websocket: async () => (await fetch("http://127.0.0.1:${privatePort}/", { headers: { Upgrade: "websocket" } })).status,
        };
        const results = [];
        for (const [name, run] of Object.entries(tries)) results.push(name + "=" + await run().then((value) => "REACHED " + value, () => "refused"));
        return results.join(" ");
      } };`);
    expect((await curious.invoke("x")).output.text).toBe(
      "connect=refused net=refused unix=refused socket=refused file=refused cache=refused websocket=refused",
    );
    expect(privateHits).toBe(0);
  });

  test("nothing of the host shows: no environment, no files, no processes, no platform bindings", async () => {
    const curious = await agent(
      `import fs from "node:fs"; import os from "node:os"; import { env as moduleEnv } from "cloudflare:workers";
      export default { async invoke({ env }) {
        const read = (path) => { try { return fs.readdirSync(path).join(","); } catch (error) { return "refused"; } };
        let child = "refused"; try { const { execSync } = await import("node:child_process"); child = String(execSync("id")); } catch {}
        return JSON.stringify({ env: Object.keys(env), moduleEnv: Object.keys(moduleEnv), process: Object.keys(process.env), etc: read("/etc"), data: read(${JSON.stringify("DATA")}), proc: read("/proc/self/fd"), child });
      } };`.replace("DATA", plane.folder),
    );
    const seen = JSON.parse((await curious.invoke("x")).output.text) as Record<string, unknown>;
    expect(seen).toEqual({ env: [], moduleEnv: [], process: [], etc: "refused", data: "refused", proc: "refused", child: "refused" });
  });

  test("the file system that an agent sees is its own bundle and memory", async () => {
    const curious = await agent(
      `import fs from "node:fs"; export default { invoke() {
      fs.writeFileSync("/tmp/mine", "kept in memory");
      const read = (path) => { try { return fs.readFileSync(path, "utf8"); } catch { return "refused"; } };
      const write = (path) => { try { fs.writeFileSync(path, "x"); return "WROTE " + path; } catch { return "refused"; } };
      return JSON.stringify({ root: fs.readdirSync("/").toSorted(), tmp: read("/tmp/mine"), environ: read("/proc/self/environ"), passwd: read("/etc/passwd"),
        link: (() => { try { fs.symlinkSync("/etc/passwd", "/tmp/link"); return read("/tmp/link"); } catch { return "refused"; } })(),
        writes: ["/bundle/agent.js", "/cell/storage/x", "/etc/x", ${JSON.stringify("DATA")} + "/x"].map(write) });
    } };`.replace("DATA", plane.folder),
    );
    expect(JSON.parse((await curious.invoke("x")).output.text)).toEqual({
      root: ["bundle", "dev", "tmp"],
      tmp: "kept in memory",
      environ: "refused",
      passwd: "refused",
      link: "refused",
      writes: ["refused", "refused", "refused", "refused"],
    });
  });

  test("a handler sees no header of ours, and what it answers in our headers counts for nothing", async () => {
    const curious = await agent(`export default { async fetch(request) {
      return Response.json({ output: { text: JSON.stringify([...request.headers.keys()].filter((name) => /whs|egress|figures|token|session/.test(name))) } },
        { headers: { "x-whs-figures": "999999;9;9;1", "x-whs-session": "ses_other", "x-whs-write-token": "x" } });
    } };`);
    const { output, usage, sessionStored } = await curious.invoke("x");
    expect(output.text).toBe("[]");
    expect(usage).toMatchObject({ tokensEstimated: true, toolCalls: 0 });
    expect(sessionStored).toBe(false);
  });

  test("an agent that finds the platform's own modules can write to no session but the one that it serves", async () => {
    const curious = await agent(
      `import { port } from "whs-port"; export default { async invoke() {
        const tries = ["", "x", "00000000-0000-4000-8000-000000000000"];
        const results = [];
        for (const token of tries) results.push(await port.apply(token, [["put", "k", "forged"]]).then(() => "WROTE", (error) => error.message));
        for (const name of ["fetch", "tail", "destroy", "invoke"]) results.push(await Promise.resolve().then(() => port[name]("http://control/loads/x")).then(() => "REACHED " + name, () => "refused"));
        return [...new Set(results)].join(" | ");
      } };`,
      true,
    );
    expect((await curious.invoke("x", { providerSessionId: "ses_1" })).output.text).toBe(
      "The invocation has ended: its session takes no more writes. | refused",
    );
  });

  test("an agent cannot read another tenant's session, nor another agent's of its own tenant, by their names", async () => {
    const source = `export default { async invoke({ session, messages }) { const before = await session.storage.get("k"); await session.storage.put("k", messages[0].content); return String(before); } };`;
    const one = await agent(source, true);
    const two = new TestAgent(plane, { userId: one.userId });
    await two.deploy(source, { sessionful: true });
    const three = await agent(source, true);
    await one.invoke("mine", { providerSessionId: "ses_shared" });
    expect((await two.invoke("x", { providerSessionId: "ses_shared" })).output.text).toBe("undefined");
    expect((await three.invoke("x", { providerSessionId: "ses_shared" })).output.text).toBe("undefined");
    expect((await one.invoke("x", { providerSessionId: "ses_shared" })).output.text).toBe("mine");
  });

  test("an agent that answers for the shim cannot invent figures that are no figures", async () => {
    const liar = await agent(`export default { invoke() {
      const original = Response;
      globalThis.Response = class extends original { constructor(body, init) { super(body, { ...init, headers: { ...init?.headers, "x-whs-figures": "-5;NaN;x;9" } }); } };
      return "lies";
    } };`);
    expect(await failure(liar.invoke("x"))).toMatchObject({ kind: "runtime" });
  });

  test("a tenant whose process keeps dying is started ever more slowly, and says so", async () => {
    const bad = await agent(
      `export default { invoke({ messages }) { if (messages[0].content === "die") { const held = []; while (true) held.push(new Uint8Array(8 * 1024 * 1024).fill(1)); } return "fine"; } };`,
    );
    let last = await failure(bad.invoke("die"));
    for (let i = 0; i < 8 && last.reached; i += 1) last = await failure(bad.invoke("die"));
    expect(last).toMatchObject({ kind: "transient", reached: false, retryable: true, message: expect.stringMatching(/started again in/) });
    expect((await neighbour.invoke("x")).output.text).toBe("echo: x");
  });
});
