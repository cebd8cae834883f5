import { activateDeployment, invokeAgent } from "@whs/api";
import { median, publish, round } from "./figures.ts";
import { deployAgent, newAgent, startSubject } from "./subject.ts";

const rollbacks = 100;
const callers = 4;

/** From the request for a rollback to the first answer by the other version, while others call; none may be wrong after the reply. */
export async function benchRollback(): Promise<void> {
  const subject = await startSubject();
  try {
    const { client } = subject.person;
    const agentId = await newAgent(client, "bench-rollback");
    const versions = [];
    for (const version of ["one", "two"]) {
      const { id } = await deployAgent(client, agentId, `export default { invoke: () => "${version}" };`, { sessionful: false });
      versions.push({ id, text: version });
    }
    const invoke = async (): Promise<string | undefined> =>
      (await client.call(invokeAgent, { agentId, body: { input: { prompt: "x" } } })).output.text;
    let calling = true;
    const load = Array.from({ length: callers }, async () => {
      while (calling) await invoke();
    });
    const reply: number[] = [];
    const served: number[] = [];
    let wrong = 0;
    for (let turn = 0; turn < rollbacks; turn++) {
      const target = versions[turn % versions.length];
      if (target === undefined) throw new Error("There is no version");
      const startedAt = performance.now();
      await client.call(activateDeployment, { id: agentId, deploymentId: target.id, body: {} });
      reply.push(performance.now() - startedAt);
      const answers = await Promise.all([invoke(), invoke(), invoke()]);
      served.push(performance.now() - startedAt);
      wrong += answers.filter((text) => text !== target.text).length;
    }
    calling = false;
    await Promise.all(load);
    const p99 = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
    await publish({
      benchmark: "rollback",
      rows: [
        {
          rollbacks,
          "reply p50 ms": round(median(reply), 1),
          "served p50 ms": round(median(served), 1),
          "served p99 ms": round(p99(served), 1),
          "wrong answers after the reply": wrong,
        },
      ],
    });
    if (wrong > 0) throw new Error(`${wrong} answers were by the version before, after the rollback had been confirmed`);
  } finally {
    await subject.stop();
  }
}
