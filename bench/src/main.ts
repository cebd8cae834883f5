import { benchAgentcore } from "./agentcore.ts";
import { benchAgents } from "./agents.ts";
import { benchChaos } from "./chaos/chaos.ts";
import { benchOutage } from "./chaos/outage.ts";
import { benchCold } from "./cold.ts";
import { benchDeploy } from "./deploy.ts";
import { benchDev } from "./dev.ts";
import { benchInvoke } from "./invoke.ts";
import { benchProtocols } from "./protocols.ts";
import { benchRedeem } from "./redeem.ts";
import { benchRollback } from "./rollback.ts";
import { benchSearch } from "./search.ts";
import { benchTelemetry } from "./telemetry.ts";
import { benchUsage } from "./usage.ts";

const benchmarks: Readonly<Record<string, { says: string; run: (args: readonly string[]) => Promise<void> }>> = {
  invoke: { says: "the gateway against the same cell called directly on its socket", run: benchInvoke },
  protocols: { says: "each open protocol's door against /v1/invoke, side by side", run: benchProtocols },
  agents: { says: "what 500 agents that nobody calls take of the memory", run: benchAgents },
  cold: { says: "first answers, beside those of a plain workerd", run: benchCold },
  deploy: { says: "a deploy from accepted to active", run: benchDeploy },
  dev: { says: "from a saved source to the first answer by it, with `whs dev`", run: benchDev },
  rollback: { says: "a rollback from its request to the first answers by the other version", run: benchRollback },
  usage: { says: "what a dashboard asks, of ten million events and of ten thousand", run: benchUsage },
  telemetry: { says: "events taken over HTTP against single inserts and COPY on the same server", run: benchTelemetry },
  search: { says: "pages of 100,000 listings over HTTP against the same SQL, and against Verdaccio (--without-peer)", run: benchSearch },
  redeem: { says: "install tokens redeemed over HTTP against the same transaction by SQL", run: benchRedeem },
  agentcore: { says: "deploys, first answers and warm ones on the local AgentCore service", run: benchAgentcore },
  chaos: { says: "kill -9 of everything at random under load, then what is left (--minutes 5, --seed n)", run: benchChaos },
  outage: { says: "invocations go on while telemetry cannot be taken, and are counted afterwards (--seconds 30)", run: benchOutage },
};

const [name = "--list", ...args] = process.argv.slice(2);
const benchmark = benchmarks[name];
if (benchmark === undefined) {
  if (name !== "--list") console.error(`There is no benchmark "${name}".`);
  for (const [known, { says }] of Object.entries(benchmarks)) console.log(`  npm run bench -- ${known.padEnd(10)} ${says}`);
  process.exitCode = name === "--list" ? 0 : 2;
} else {
  await benchmark.run(args);
}
