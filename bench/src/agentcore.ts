import { median, publish, round } from "./figures.ts";
import { deployAgent, newAgent, startSubject, type Subject } from "./subject.ts";

const rounds = 3;
const deploysARound = 5;
const callsARound = 40;
const sessionsAtOnce = 20;
const source = (version: number) => `export default { invoke: ({ messages }) => "${version} " + messages.at(-1).content };`;

/** Deploys, first answers and warm ones of agents on the local AgentCore service, through the whole gateway. */
export async function benchAgentcore(): Promise<void> {
  const subject = await startSubject({ AGENTCORE_LOCAL_MAX_SESSIONS: "400" }, ["agentcore"]);
  const times = { deploy: [] as number[], first: [] as number[], session: [] as number[], warm: [] as number[], many: [] as number[] };
  try {
    const { client } = subject.person;
    const stateless = await newAgent(client, "bench-stateless", "agentcore");
    const sessionful = await newAgent(client, "bench-sessionful", "agentcore");
    const manifest = { runtime: "agentcore" };
    // With the first image the layer that all stand on is made and sent.
    const { acceptedToActiveMs } = await deployAgent(client, stateless, source(0), { ...manifest, sessionful: false });
    await deployAgent(client, sessionful, source(0), manifest);
    for (let turn = 1; turn <= rounds; turn += 1) {
      for (let index = 0; index < deploysARound; index += 1) {
        const deployed = await deployAgent(client, stateless, source(turn * 10 + index), { ...manifest, sessionful: false });
        times.deploy.push(deployed.acceptedToActiveMs);
        times.first.push(await invoke(subject, stateless));
      }
      for (let index = 0; index < callsARound; index += 1) times.warm.push(await invoke(subject, stateless));
      for (let index = 0; index < deploysARound; index += 1) times.session.push(await invoke(subject, sessionful));
      const startedAt = performance.now();
      await Promise.all(Array.from({ length: sessionsAtOnce }, () => invoke(subject, sessionful)));
      times.many.push(performance.now() - startedAt);
    }
    await publish({
      benchmark: "agentcore",
      rows: [
        {
          what: "deploy of the first image, accepted to active",
          times: 1,
          "p50 ms": round(acceptedToActiveMs, 0),
          "p99 ms": round(acceptedToActiveMs, 0),
        },
        row("deploy, accepted to active", times.deploy),
        row("first call after it, without a session", times.first),
        row("first call of a session: a container starts", times.session),
        row("warm call", times.warm),
        row(`${sessionsAtOnce} new sessions at once, all answered`, times.many),
      ],
    });
  } finally {
    await subject.stop();
  }
}

function row(what: string, values: readonly number[]): Record<string, string | number> {
  const worst = values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;
  return { what, times: values.length, "p50 ms": round(median(values), 1), "p99 ms": round(worst, 1) };
}

async function invoke({ stack, person }: Subject, agentId: string): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${stack.endpoints.whs}/v1/invoke/${agentId}`, {
    method: "POST",
    headers: { authorization: `Bearer ${person.jwt}`, "content-type": "application/json" },
    body: JSON.stringify({ input: { prompt: "hello" } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The call answered ${response.status}: ${text}`);
  return performance.now() - startedAt;
}
