import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, connect as connectTo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { Pool, request } from "undici";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { containerWords } from "./containers.ts";
import { StdioBridge } from "./stdio-bridge.cjs";
import { bridgeSockets } from "./stdio-sockets.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "whs-bridge-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Two sides and the pipes between them. */
function twoSides(onOpen: (connection: Duplex) => void) {
  const [there, back] = [new PassThrough(), new PassThrough()];
  return {
    there,
    near: new StdioBridge(back, there, (connection) => connection.destroy(), 1),
    far: new StdioBridge(there, back, onOpen, 2),
  };
}

test("bytes of many connections come out as they went in, and each ends for itself", async () => {
  const { near } = twoSides((connection) => connection.pipe(connection));
  const sizes = [0, 1, 65_536, 262_144, 262_145, 1_000_003];
  const echoed = await Promise.all(
    sizes.map(async (size, index) => {
      const connection = near.open();
      connection.end(Buffer.alloc(size, index));
      return (await buffer(connection)).equals(Buffer.alloc(size, index));
    }),
  );
  expect(echoed).toEqual(sizes.map(() => true));
});

test("a reader that does not read holds up its own connection only, at 256 KiB", async () => {
  const opened: Duplex[] = [];
  const { near } = twoSides((connection) => opened.push(connection));
  const [slow, quick] = [near.open(), near.open()];
  slow.end(Buffer.alloc(2_000_000));
  quick.end("through");
  await vi.waitFor(() => expect(opened).toHaveLength(2), { timeout: 30_000 });
  expect(await text(opened[1] as Duplex)).toBe("through");
  expect((opened[0] as Duplex).readableLength).toBeLessThanOrEqual(256 * 1024);
  expect((await buffer(opened[0] as Duplex)).length).toBe(2_000_000);
});

test.each([
  ["an unknown kind", Buffer.from([9, 0, 0, 0, 2, 0, 0, 0, 0])],
  ["a frame without end", Buffer.from([1, 0, 0, 0, 2, 255, 255, 255, 255])],
  ["a connection of the wrong side's number", Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0])],
  [
    "more than was asked for",
    Buffer.concat(Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([1, 0, 0, 0, 1, 0, 1, 0, 0]), Buffer.alloc(65_536)]))),
  ],
])("a side that sends %s is cut off", async (_name, bytes) => {
  const input = new PassThrough();
  const near = new StdioBridge(input, new PassThrough(), (connection) => connection.destroy(), 1);
  const connection = near.open();
  input.write(bytes);
  await vi.waitFor(() => expect(connection.destroyed).toBe(true), { timeout: 30_000 });
});

test("a program behind the init is reached, and reaches what it may, by the init's standard input and output alone", async () => {
  const egress = join(folder, "out.sock");
  const outside: Server = createServer((socket) => void socket.end("from outside"));
  await new Promise<void>((resolve) => outside.listen(egress, resolve));
  const free = createServer();
  const portOf = (server: Server) => (server.address() as { port: number }).port;
  const [port, egressPort] = await Promise.all(
    [free, createServer()].map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const own = portOf(server);
      await new Promise((resolve) => server.close(resolve));
      return own;
    }),
  );
  const program = `require("node:http").createServer((_, response) => {
    console.log("asked");
    require("node:net").connect(${egressPort}, "127.0.0.1").pipe(response);
  }).listen(${port}, "127.0.0.1")`;
  const init = spawn(process.execPath, [new URL("./init.cjs", import.meta.url).pathname], { stdio: "pipe", env: {} });
  let lines = "";
  init.stderr.on("data", (chunk: Buffer) => (lines += chunk.toString()));
  init.stdin.write(`${JSON.stringify({ argv: [process.execPath, "-e", program], env: {}, cwd: "/", port, egressPort, stdio: true })}\n`);
  const ingress = join(folder, "in.sock");
  const bridge = await bridgeSockets(init.stdout, init.stdin, { ingress, egress });
  await vi.waitFor(() => expect(lines).toContain("listening"), { timeout: 30_000 });
  const pool = new Pool("http://localhost", { connect: { socketPath: ingress } });
  const { body } = await request("http://localhost/", { dispatcher: pool });
  expect(await body.text()).toBe("from outside");
  await vi.waitFor(() => expect(lines).toContain("asked"), { timeout: 30_000 });
  await pool.destroy();
  const ended = new Promise((resolve) => init.once("exit", resolve));
  init.stdin.end();
  await ended;
  await bridge.close();
  outside.close();
  await expect(new Promise((_resolve, reject) => connectTo(ingress).once("error", reject))).rejects.toThrow(/ENOENT|ECONNREFUSED/);
}, 60_000);

test("a container sees what is mounted and nothing else, has no network and no rights, and is bounded", async () => {
  const limits = { memoryMb: 512, maxProcesses: 128, maxFiles: 1024, scratchBytes: 1_048_576, owner: "ab12", environment: {} };
  const inside = { toolkit: [{ at: "/.whs/node", from: "/opt/node" }], node: ["/.whs/node"] };
  const order = { program: "/usr/bin/docker", name: "docker", uid: 65534, limits, inside, sandbox: "s3" } as const;
  const place = {
    view: [
      { at: "/usr", from: "/images/x/usr" },
      { at: "/bin", link: "usr/bin", from: "/images/x/usr/bin" },
      { at: "/gone", link: "nowhere", from: null },
    ],
    mounts: [],
    writable: { "/mnt/session": "/data/s" },
  };
  const words = await containerWords(order, place);
  expect(words.slice(0, 3)).toEqual(["/usr/bin/docker", "run", "--interactive"]);
  expect(words).toEqual(
    expect.arrayContaining(
      "--network=none --read-only --cap-drop=ALL --security-opt=no-new-privileges --user=65534:65534 --memory=512m --memory-swap=512m --pids-limit=128 --ulimit=nofile=1024:1024 whs-ab12-s3".split(
        " ",
      ),
    ),
  );
  expect(words.filter((word) => word.startsWith("type=bind"))).toEqual([
    "type=bind,source=/images/x/usr,target=/usr,readonly",
    "type=bind,source=/images/x/usr/bin,target=/bin,readonly",
    "type=bind,source=/opt/node,target=/.whs/node,readonly",
    "type=bind,source=/data/s,target=/mnt/session",
  ]);
  await expect(containerWords(order, { ...place, writable: { "/mnt/x,source=/etc": "/data/s" } })).rejects.toThrow("a comma");
});
