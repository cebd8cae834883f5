import { median, publish, round } from "./figures.ts";
import { deployAgent, newAgent, startSubject } from "./subject.ts";

const deploys = 40;

/** From the answer that accepts a deploy to the deployment being active, one after the other. */
export async function benchDeploy(): Promise<void> {
  const subject = await startSubject();
  try {
    const { client } = subject.person;
    const agentId = await newAgent(client, "bench-deploy");
    const padding = `// ${"x".repeat(200 * 1024)}\n`;
    const sources = { small: "", "200 KiB": padding };
    const rows = [];
    for (const [bundle, prefix] of Object.entries(sources)) {
      const times: number[] = [];
      for (let index = 0; index < deploys; index++) {
        times.push((await deployAgent(client, agentId, `${prefix}export default { invoke: () => "${index}" };`)).acceptedToActiveMs);
      }
      const sorted = times.toSorted((a, b) => a - b);
      rows.push({
        bundle,
        deploys,
        "p50 ms": round(median(times), 0),
        "p99 ms": round(sorted.at(-1) ?? Number.NaN, 0),
        "first ms": round(times[0] ?? Number.NaN, 0),
      });
    }
    await publish({ benchmark: "deploy", rows });
  } finally {
    await subject.stop();
  }
}
