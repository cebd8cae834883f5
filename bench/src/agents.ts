import { BenchDataPlane } from "./data-plane.ts";
import { publish, round } from "./figures.ts";

const agents = 500;
const source = (index: number): string => `export default { invoke: ({ messages }) => "${index}: " + messages.at(-1).content };`;
const mib = 1024 * 1024;

/** What agents take of one machine's memory while nobody calls them. */
export async function benchAgents(): Promise<void> {
  const rows = [];
  rows.push(await measure({ tenants: 1, idle: false }));
  rows.push(await measure({ tenants: 50, idle: false }));
  rows.push(await measure({ tenants: 50, idle: true }));
  await publish({ benchmark: "agents", rows });
}

/** `idle`: after their processes were stopped for being idle; else loaded and answering at once. */
async function measure({ tenants, idle }: { tenants: number; idle: boolean }): Promise<Record<string, string | number>> {
  const plane = await BenchDataPlane.start({
    WHS_CELL_MAX_LOADS: "2000",
    WHS_CELL_MEMORY_MB: "4096",
    WHS_CELL_IDLE_SECONDS: idle ? "15" : "3600",
  });
  try {
    const before = await plane.memory();
    const made = [];
    for (let index = 0; index < agents; index += 1) made.push(await plane.deploy(`usr_${index % tenants}`, source(index)));
    console.log(`${agents} agents of ${tenants} tenants are deployed.`);
    for (const agent of made) await plane.invoke(agent);
    if (idle) while ((await plane.memory()).processes > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    const { supervisor, cells, processes } = await plane.memory();
    const [first] = made;
    return {
      agents,
      tenants,
      state: idle ? "idle, processes stopped" : "loaded",
      processes,
      "cells MiB": round(cells / mib, 0),
      "supervisor MiB": round(supervisor / mib, 0),
      "MiB per agent": round((cells + supervisor - before.supervisor) / agents / mib, 2),
      "next answer ms": round(first === undefined ? Number.NaN : await plane.invoke(first), 1),
    };
  } finally {
    await plane.stop();
  }
}
