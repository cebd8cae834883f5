import { listAgents, invokeAgent, createToken } from "@whs/api";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { median, publish, round } from "./figures.ts";
import { startSubject } from "./subject.ts";

const changes = 20;
/** Nobody saves faster. */
const paceMs = 1500;
const whs = path.resolve(import.meta.dirname, "../../apps/cli/bin/whs.mjs");
const manifest = {
  name: "bench",
  protocol: "invoke/v1",
  runtime: "cloudflare",
  entrypoint: "agent.ts",
  sessionful: false,
  env: { requiredKeys: [], optionalKeys: [] },
  capabilities: { streaming: true, tools: false },
};

/** From a source being saved while `whs dev` runs to the first answer by the new code, one change after the other. */
export async function benchDev(): Promise<void> {
  const subject = await startSubject();
  const folder = await mkdtemp(path.join(tmpdir(), "whs-bench-dev-"));
  const save = (index: number) => writeFile(path.join(folder, "agent.ts"), `export default { invoke: () => "change ${index}" };\n`);
  await Promise.all([writeFile(path.join(folder, "agent.config.json"), JSON.stringify(manifest)), save(0)]);
  const { client } = subject.person;
  const { secret } = await client.call(createToken, { body: { name: "dev" } });
  const child = spawn(process.execPath, [whs, "dev", "--json", folder], {
    env: { PATH: process.env["PATH"], HOME: folder, WHS_API_URL: subject.stack.endpoints.whs, WHS_API_TOKEN: secret },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const deployed = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const untilDeployed = async (): Promise<number> => {
      for (;;) {
        const { value, done } = await deployed.next();
        if (done === true) throw new Error("whs dev ended.");
        const line = JSON.parse(value) as { event: string; durationMs: number };
        if (line.event === "failed") throw new Error(value);
        if (line.event === "deployed") return line.durationMs;
      }
    };
    await untilDeployed();
    const agentId = (await client.call(listAgents, {})).items.find(({ name }) => name === "bench-dev")?.id ?? "";
    const answer = async () => (await client.call(invokeAgent, { agentId, body: { input: { prompt: "x" } } })).output.text;
    await answer();
    const times: number[] = [];
    const told: number[] = [];
    for (let index = 1; index <= changes; index++) {
      await delay(paceMs);
      const savedAt = performance.now();
      await save(index);
      told.push(await untilDeployed());
      if ((await answer()) !== `change ${index}`) throw new Error("The code before has answered.");
      times.push(performance.now() - savedAt);
    }
    const sorted = times.toSorted((a, b) => a - b);
    await publish({
      benchmark: "dev",
      rows: [
        {
          changes,
          "saved to answered, p50 ms": round(median(times), 0),
          "p90 ms": round(sorted[Math.floor(changes * 0.9)] ?? Number.NaN, 0),
          "noticed to active, p50 ms": round(median(told), 0),
        },
      ],
    });
  } finally {
    child.kill("SIGTERM");
    await subject.stop();
    await rm(folder, { recursive: true });
  }
}
