import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Agent, request } from "undici";
import workerd from "workerd";
import { BenchDataPlane } from "./data-plane.ts";
import { median, publish, round } from "./figures.ts";

const rounds = 25;
const agentSource = `export default { invoke: ({ messages }) => messages.at(-1).content };`;
const plainSource = `export default { async fetch(request) { const { messages } = await request.json(); return Response.json({ text: messages.at(-1).content }); } };`;
const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });

/** First answers: of an agent that is not loaded, of one whose process does not run, and of a workerd made for it alone. */
export async function benchCold(): Promise<void> {
  const plane = await BenchDataPlane.start({ WHS_CELL_MAX_LOADS: "2000" });
  const times: Record<string, number[]> = { warm: [], load: [], start: [], plain: [] };
  try {
    for (let turn = 0; turn < rounds; turn += 1) {
      const userId = `usr_${turn}`;
      const first = await plane.deploy(userId, agentSource);
      const second = await plane.deploy(userId, agentSource);
      await plane.stopCell(userId);
      times.start?.push(await plane.invoke(first));
      times.load?.push(await plane.invoke(second));
      times.warm?.push(await plane.invoke(second));
      times.plain?.push(await plainStart());
    }
  } finally {
    await plane.stop();
  }
  const rows = [
    ["answer of a loaded agent", times.warm],
    ["agent not loaded, process runs", times.load],
    ["process does not run", times.start],
    ["plain workerd, started for it, no sandbox", times.plain],
  ] as const;
  await publish({
    benchmark: "cold",
    rows: rows.map(([what, values = []]) => ({
      what,
      rounds,
      "p50 ms": round(median(values), 1),
      "p90 ms": round(values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.9)] ?? Number.NaN, 1),
    })),
  });
}

/** From starting a bare workerd with the agent in its configuration to its answer. */
async function plainStart(): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), "whs-plain-"));
  const socketPath = path.join(folder, "s");
  await writeFile(path.join(folder, "agent.js"), plainSource);
  await writeFile(
    path.join(folder, "config.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "agent", worker = (modules = [(name = "agent.js", esModule = embed "agent.js")], compatibilityDate = "2026-11-01"))],
  sockets = [(name = "main", address = "unix:${socketPath}", http = (), service = "agent")]);`,
  );
  const dispatcher = new Agent({ connect: { socketPath } });
  const startedAt = performance.now();
  const child = spawn(workerd.default, ["serve", "--control-fd=3", path.join(folder, "config.capnp")], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    await new Promise((resolve) => child.stdio[3]?.once("data", resolve));
    const answer = await request("http://agent/", { method: "POST", body, dispatcher });
    await answer.body.text();
    return performance.now() - startedAt;
  } finally {
    child.kill("SIGKILL");
    await ended;
    await dispatcher.close();
    await rm(folder, { recursive: true, force: true });
  }
}
