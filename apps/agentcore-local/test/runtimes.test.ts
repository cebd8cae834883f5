import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  InvokeAgentRuntimeCommand,
  InvokeAgentRuntimeResponse$,
  StopRuntimeSessionCommand,
  StopRuntimeSessionResponse$,
} from "@aws-sdk/client-bedrock-agentcore";
import { CreateAgentRuntimeEndpointCommand, UpdateAgentRuntimeCommand } from "@aws-sdk/client-bedrock-agentcore-control";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { basic, clientsOf, CREDENTIALS, EVALUATOR, LocalService, newSessionId, ROLE } from "./local-service.ts";
import { expectShape } from "./shapes.ts";

const LIFE = { idleRuntimeSessionTimeout: 60, maxLifetime: 600 };
const COUNT = { run: "return (state.n += 1);" };

/** One service and one image for all; sessions are what differs. */
describe("sessions of a runtime", () => {
  let local: LocalService;
  let opened: Server;
  let containerUri: string;
  let runtime: { id: string; arn: string };

  beforeAll(async () => {
    opened = createServer((request, response) => response.end(`${request.method} ${request.url} ${request.headers.host}`));
    await new Promise<void>((resolve) => opened.listen(0, "127.0.0.1", resolve));
    local = await LocalService.start({
      WHS_CELL_EGRESS_ALLOW: `127.0.0.1:${portOf(opened)}`,
      AGENTCORE_LOCAL_MEMORY_MB: "256",
      AGENTCORE_LOCAL_MAX_PROCESSES: "64",
      AGENTCORE_LOCAL_MAX_SESSIONS: "21",
    });
    containerUri = await local.push("agents/evaluator", EVALUATOR);
    runtime = await local.create("evaluator", containerUri, {
      environmentVariables: { SECRET: "s3cr3t-value-of-the-agent" },
      lifecycleConfiguration: LIFE,
      filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
    });
  }, 120_000);
  afterAll(async () => {
    await local.close();
    opened.close();
  });

  const run = async (code: string, sessionId = newSessionId(), arn = runtime.arn) =>
    JSON.parse(await local.invoke(arn, { run: code }, sessionId)) as unknown;

  test("a session keeps its state from request to request, and shares it with no other", async () => {
    const [one, other] = [newSessionId(), newSessionId()];
    const answers = [
      await local.invoke(runtime.arn, COUNT, one),
      await local.invoke(runtime.arn, COUNT, one),
      await local.invoke(runtime.arn, COUNT, other),
    ];
    expect(answers).toEqual(["1", "2", "1"]);
    await Promise.all([local.stop(runtime.arn, one), local.stop(runtime.arn, other)]);
  });

  test("an answer has the shape, the session and the headers that the SDK knows; without a session id one is made", async () => {
    const answer = await local.data.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: runtime.arn,
        payload: Buffer.from(JSON.stringify({ run: "return request.headers;" })),
        traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      }),
    );
    const { response, ...rest } = answer;
    expectShape(InvokeAgentRuntimeResponse$, rest);
    expect(answer).toMatchObject({ statusCode: 200, contentType: "application/json" });
    expect(answer.runtimeSessionId?.length).toBeGreaterThanOrEqual(33);
    const headers = JSON.parse((await response?.transformToString()) ?? "") as Record<string, string>;
    expect(headers).toMatchObject({
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "x-amzn-bedrock-agentcore-runtime-session-id": answer.runtimeSessionId,
    });
    expect(Object.keys(headers)).not.toContain("authorization");
    await local.stop(runtime.arn, answer.runtimeSessionId ?? "");
  });

  test("threads and programs that an agent starts, its standard input and its variables are its own", async () => {
    const sessionId = newSessionId();
    const code = `const [threads, programs, fs] = ["worker_threads", "child_process", "fs"].map((name) => process.getBuiltinModule(name));
      const said = (one) => new Promise((resolve, reject) => one.once("message", resolve).once("error", reject));
      fs.writeFileSync("/tmp/child.cjs", "process.send(process.env.SECRET)");
      return {
        thread: await said(new threads.Worker("require('node:worker_threads').parentPort.postMessage('thread')", { eval: true })),
        child: await said(programs.fork("/tmp/child.cjs")),
        input: fs.readFileSync(0, "utf8"),
        options: process.execArgv.filter((word) => word.includes("whs")),
        variables: Object.keys(process.env).filter((name) => /secret|init/i.test(name)),
      };`;
    expect(await run(code, sessionId)).toEqual({
      thread: "thread",
      child: "s3cr3t-value-of-the-agent",
      input: "",
      options: [],
      variables: ["SECRET"],
    });
    await local.stop(runtime.arn, sessionId);
  });

  test("requests reach their session's own program, whatever it puts in place of its socket", async () => {
    const [victim, hostile] = [newSessionId(), newSessionId()];
    await run("state.name = 'victim';", victim);
    // The folders of sandboxes stand beside each other, by names that are easy to guess.
    const replace = (name: string): string => `response.setHeader("connection", "close");
      const fs = process.getBuiltinModule("fs");
      fs.rmSync("/.whs/run/in.sock", { force: true });
      fs.symlinkSync("../${name}/in.sock", "/.whs/run/in.sock");
      return state.name ??= "hostile";`;
    const answers: unknown[] = [];
    // More than once each, since open connections are used first.
    for (const name of ["s0", "s0", "s0", "s1", "s1", "s1", "none"])
      answers.push(await run(replace(name), hostile).catch((error: unknown) => error));
    expect(answers).toEqual(Array(7).fill("hostile"));
    await Promise.all([local.stop(runtime.arn, victim), local.stop(runtime.arn, hostile)]);
  });

  test("events arrive as they are sent, and a client that goes away ends the request", async () => {
    const sessionId = newSessionId();
    const stream = `response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: one\\n\\n"); state.gone = new Promise((resolve) => response.on("close", resolve)); await state.gone; state.n = "gone";`;
    const gone = new AbortController();
    const { response, contentType } = await local.data.send(
      new InvokeAgentRuntimeCommand({
        agentRuntimeArn: runtime.arn,
        runtimeSessionId: sessionId,
        accept: "text/event-stream",
        payload: Buffer.from(JSON.stringify({ run: stream })),
      }),
      { abortSignal: gone.signal },
    );
    expect(contentType).toBe("text/event-stream");
    for await (const chunk of response as AsyncIterable<Buffer>) {
      expect(chunk.toString()).toBe("data: one\n\n");
      break;
    }
    gone.abort();
    await expect.poll(() => run("return state.n;", sessionId)).toBe("gone");
    await local.stop(runtime.arn, sessionId);
  });

  test("an agent's failure is a RuntimeClientError; what is not there, or not valid, is named", async () => {
    const sessionId = newSessionId();
    await expect(local.invoke(runtime.arn, { run: "throw new Error('mine');" }, sessionId)).rejects.toMatchObject({
      name: "RuntimeClientError",
      $metadata: { httpStatusCode: 424 },
    });
    await expect(local.invoke(runtime.arn, { run: "process.exit(7);" }, sessionId)).rejects.toMatchObject({ name: "RuntimeClientError" });
    await expect(local.invoke(runtime.arn, COUNT, "short")).rejects.toMatchObject({ name: "ValidationException" });
    await expect(local.invoke(runtime.arn, COUNT, sessionId, { qualifier: "none" })).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await expect(local.invoke(`${runtime.arn}x`, COUNT, sessionId)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    // What ended by itself begins anew.
    await expect.poll(() => run("return (state.n += 1);", sessionId).catch((error: Error) => error.name)).toBe(1);
    await local.stop(runtime.arn, sessionId);
  });

  test("a session that is stopped is gone, and what it stored is there when it comes back", async () => {
    const sessionId = newSessionId();
    await run(`const fs = await import("node:fs"); fs.writeFileSync("/mnt/session/note", "kept"); state.n = 9;`, sessionId);
    const stopped = await local.data.send(new StopRuntimeSessionCommand({ agentRuntimeArn: runtime.arn, runtimeSessionId: sessionId }));
    expectShape(StopRuntimeSessionResponse$, stopped);
    expect(stopped.runtimeSessionId).toBe(sessionId);
    await expect(local.stop(runtime.arn, sessionId)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    expect(
      await run(`const fs = await import("node:fs"); return [state.n, fs.readFileSync("/mnt/session/note", "utf8")];`, sessionId),
    ).toEqual([0, "kept"]);
    expect(await run(`const fs = await import("node:fs"); return fs.readdirSync("/mnt/session");`)).toEqual([]);
    await local.stop(runtime.arn, sessionId);
  });

  test("twenty sessions start at once, each on its own; one beyond the quota is refused", async () => {
    await local.service.stopSessions();
    const ids = Array.from({ length: 20 }, newSessionId);
    const answers = await Promise.all(
      ids.map((id) => local.invoke(runtime.arn, { run: `state.id = ${JSON.stringify(id)}; return state.n += 1;` }, id)),
    );
    expect(answers).toEqual(ids.map(() => "1"));
    expect(await Promise.all(ids.map((id) => run("return state.id;", id)))).toEqual(ids);
    await run("return 1;");
    await expect(run("return 1;")).rejects.toMatchObject({ name: "ServiceQuotaExceededException", $metadata: { httpStatusCode: 402 } });
    await local.service.stopSessions();
  }, 90_000);

  test("an idle session ends, a busy one stays, and none outlives its maximum lifetime", async () => {
    const [idle, busy] = [newSessionId(), newSessionId()];
    await run("return 1;", idle);
    await run("setBusy(true); return 1;", busy);
    local.aheadMs += (LIFE.idleRuntimeSessionTimeout + 1) * 1000;
    await local.service.sweep();
    expect([await local.runs(runtime.arn, idle), await local.runs(runtime.arn, busy)]).toEqual([false, true]);
    local.aheadMs += LIFE.maxLifetime * 1000;
    await local.service.sweep();
    expect(await local.runs(runtime.arn, busy)).toBe(false);
    local.aheadMs = 0;
  });

  test("a named endpoint serves its version while the runtime moves on", async () => {
    const { id, arn } = await local.create("moving", containerUri, { environmentVariables: { V: "1" } });
    await local.control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "one", agentRuntimeVersion: "1" }));
    await local.endpointReady(id, "one");
    await local.control.send(
      new UpdateAgentRuntimeCommand({
        agentRuntimeId: id,
        agentRuntimeArtifact: { containerConfiguration: { containerUri } },
        roleArn: ROLE,
        networkConfiguration: { networkMode: "PUBLIC" },
        environmentVariables: { V: "2" },
      }),
    );
    await local.ready(id);
    const version = { run: "return process.env.V;" };
    expect([
      await local.invoke(arn, version, newSessionId(), { qualifier: "one" }),
      await local.invoke(arn, version, newSessionId()),
    ]).toEqual(['"1"', '"2"']);
    await local.service.stopSessions();
  });

  test("what a container writes is read as CloudWatch Logs gives it, without the runtime's secrets", async () => {
    const sessionId = newSessionId();
    await run(`console.log("a line with " + process.env.SECRET); console.error("another");`, sessionId);
    const query = { logGroupName: `/aws/bedrock-agentcore/runtimes/${runtime.id}-DEFAULT`, startTime: 0, filterPattern: '"a line"' };
    await expect.poll(async () => (await local.logs(query)).map(({ message }) => message)).toEqual(["a line with [redacted]"]);
    const [event] = await local.logs({ ...query, filterPattern: "another" });
    expect(event?.logStreamName).toContain(sessionId);
    expect(await local.logs({ ...query, logGroupName: "/aws/other" })).toEqual([]);
    await local.stop(runtime.arn, sessionId);
  });

  describe("a hostile container", () => {
    test("runs without rights, in a root that it cannot change, and sees nothing of this machine", async () => {
      const seen = (await run(`
        const fs = await import("node:fs"); const os = await import("node:os");
        const refused = (work) => { try { work(); return "allowed"; } catch (error) { return error.code; } };
        return { uid: process.getuid(), root: refused(() => fs.writeFileSync("/app/x", "")), etc: refused(() => fs.mkdirSync("/x")),
          home: refused(() => fs.readdirSync(${JSON.stringify(local.folder)})), work: refused(() => fs.readdirSync("/work")),
          pids: fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length, caps: /CapEff:\\s*(\\w+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1],
          interfaces: Object.keys(os.networkInterfaces()), environment: Object.keys(process.env).filter((name) => name.startsWith("AGENTCORE") || name.startsWith("WHS")) };`)) as Record<
        string,
        unknown
      >;
      expect(seen).toEqual({
        uid: 65534,
        root: "EROFS",
        etc: "EROFS",
        home: "ENOENT",
        work: "ENOENT",
        pids: seen.pids,
        caps: "0000000000000000",
        interfaces: ["lo"],
        environment: [],
      });
      expect(seen.pids).toBeLessThan(8);
      await local.service.stopSessions();
    });

    test("reaches no other session: not its files, not its processes, not its port", async () => {
      const [victim, attacker] = [newSessionId(), newSessionId()];
      await run(
        `const fs = await import("node:fs"); fs.writeFileSync("/tmp/note", "mine"); fs.writeFileSync("/mnt/session/note", "mine"); return 1;`,
        victim,
      );
      const seen = await run(
        `const fs = await import("node:fs");
         return { tmp: fs.readdirSync("/tmp"), mnt: fs.readdirSync("/mnt"), session: fs.readdirSync("/mnt/session"), run: fs.readdirSync("/.whs/run").toSorted() };`,
        attacker,
      );
      expect(seen).toEqual({ tmp: [], mnt: ["session"], session: [], run: ["in.sock", "out.sock"] });
      await local.service.stopSessions();
    });

    test("reaches what the operator opened, and nothing else of this machine, of private networks or of metadata services", async () => {
      const fetched = (url: string) =>
        run(
          `try { const r = await fetch(${JSON.stringify(url)}); return r.status + " " + (await r.text()); } catch (error) { return String(error.cause?.message ?? error.message); }`,
          SESSION,
        );
      const SESSION = newSessionId();
      expect(await fetched(`http://127.0.0.1:${portOf(opened)}/path?q=1`)).toMatch(/refused|ECONN|fetch failed/i);
      const proxied = (host: string, port: number) =>
        run(
          `const http = await import("node:http");
           return await new Promise((resolve) => { const r = http.request({ host: "127.0.0.1", port: 3128, method: "CONNECT", path: ${JSON.stringify(`${host}:${port}`)} });
             r.on("connect", (res, socket) => { socket.destroy(); resolve(res.statusCode); }); r.on("response", (res) => { res.resume(); resolve(res.statusCode); }); r.on("error", (error) => resolve(error.code)); r.end(); });`,
          SESSION,
        );
      expect(await proxied("127.0.0.1", portOf(opened))).toBe(200);
      for (const host of [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "[::1]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
      ])
        expect([
          host,
          await proxied(host, new URL(local.service.url).port === "" ? 80 : Number(new URL(local.service.url).port)),
        ]).not.toEqual([host, 200]);
      expect(
        await run(
          `const http = await import("node:http");
           return await new Promise((resolve) => { const r = http.request({ host: "127.0.0.1", port: 3128, path: "http://127.0.0.1:${portOf(opened)}/path?q=1" }, async (res) => { let t = ""; for await (const c of res) t += c; resolve(t); }); r.end(); });`,
          SESSION,
        ),
      ).toBe(`GET /path?q=1 127.0.0.1:3128`);
      const raw = await run(
        `const net = await import("node:net"); return await new Promise((resolve) => { const s = net.connect(${portOf(opened)}, "10.0.0.1"); s.on("connect", () => resolve("connected")); s.on("error", (error) => resolve(error.code)); });`,
        SESSION,
      );
      expect(raw).toMatch(/ENETUNREACH|EHOSTUNREACH/);
      await local.service.stopSessions();
    });

    test("that takes all memory is ended, and its neighbour goes on", async () => {
      const neighbour = newSessionId();
      await run("return (state.n = 5);", neighbour);
      await expect(run(`const kept = []; for (;;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1));`)).rejects.toMatchObject({
        name: "RuntimeClientError",
      });
      expect(await run("return state.n;", neighbour)).toBe(5);
      await local.service.stopSessions();
    });

    test("that starts processes without end gets only its share of them", async () => {
      const neighbour = newSessionId();
      await run("return (state.n = 6);", neighbour);
      const started = await run(`
        const { spawn } = await import("node:child_process"); let started = 0;
        for (let i = 0; i < 100; i += 1) await new Promise((resolve) => { const c = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "ignore" }); c.on("spawn", () => { started += 1; resolve(); }); c.on("error", () => resolve()); });
        return started;`).catch((error: Error) => error.name);
      expect(started === "RuntimeClientError" || Number(started) < 64).toBe(true);
      expect(await run("return state.n;", neighbour)).toBe(6);
      await local.service.stopSessions();
    });
  });

  test("what it is and which layers are on is told to who has the credentials, and to nobody else", async () => {
    const url = `${local.service.url}/describe`;
    expect((await fetch(url)).status).toBe(401);
    const description = (await (await fetch(url, { headers: { authorization: basic(CREDENTIALS) } })).json()) as {
      isolation: { layer: string; active: boolean }[];
    };
    expect(description.isolation.filter(({ active }) => active).map(({ layer }) => layer)).toContain("filesystem and namespaces");
    expect(await (await fetch(`${local.service.url}/healthz`)).json()).toEqual({ status: "ok" });
  });

  // The last one: it takes the files over.
  test("a service that is killed leaves no process behind, and has everything when it starts again", async () => {
    await local.halt();
    const first = await local.spawn();
    const { data } = clientsOf(first.url);
    const sessionId = newSessionId();
    const invoke = (client: typeof data) =>
      client.send(
        new InvokeAgentRuntimeCommand({
          agentRuntimeArn: runtime.arn,
          runtimeSessionId: sessionId,
          payload: Buffer.from(
            JSON.stringify({
              run: `const fs = await import("node:fs"); const before = fs.existsSync("/mnt/session/k"); fs.writeFileSync("/mnt/session/k", ""); return [before, state.n += 1];`,
            }),
          ),
        }),
      );
    expect(await (await invoke(data)).response?.transformToString()).toBe("[false,1]");
    const marker = `${local.folder}/run/agentcore/s0`;
    expect(await processesWith(marker)).not.toEqual([]);
    first.child.kill("SIGKILL");
    await once(first.child, "close");
    await expect.poll(() => processesWith(marker)).toEqual([]);
    const second = await local.spawn();
    expect(await (await invoke(clientsOf(second.url).data)).response?.transformToString()).toBe("[true,1]");
    second.child.kill("SIGTERM");
    expect(await once(second.child, "close")).toEqual([0, null]);
    expect(await processesWith(marker)).toEqual([]);
  }, 90_000);
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Processes of this machine whose command has a text. */
async function processesWith(text: string): Promise<string[]> {
  const ps = spawn("ps", ["-eo", "args"], { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  for await (const chunk of ps.stdout as AsyncIterable<Buffer>) output += chunk.toString();
  return output.split("\n").filter((line) => line.includes(text));
}
