/** What `npm start -- --demo` adds: people, agents, a listing, an install and traffic, all over the ways that users have. */
import { type Agent, createAgent, listAgents, setSecrets } from "@whs/api";
import path from "node:path";
import { ROOT } from "../child.ts";
import type { Stack } from "../stack.ts";
import { type DemoPerson, demoPerson } from "./demo-people.ts";
import { sendTraffic } from "./traffic.ts";
import { whs } from "./whs-command.ts";

export interface DemoOptions {
  stack: Pick<Stack, "endpoints" | "dataDir">;
  /** Told of each step, since all together take some seconds. */
  say: (text: string) => void;
  /** How often all questions are asked. */
  rounds?: number;
}

const published = "streaming-writer";
const deployed = ["echo", "session-counter", published, "order-desk"] as const;

/** What was done at an earlier start is there and stays; traffic comes with each. @returns the person to sign in as */
export async function fillDemo({ stack, say, rounds = 3 }: DemoOptions): Promise<DemoPerson> {
  const owner = await demoPerson(stack, "Demo");
  const neighbour = await demoPerson(stack, "Neighbour");
  for (const name of deployed) await deployExample(stack, owner, name, say);
  await publishAndInstall(stack, owner, neighbour, say);
  say("  sending traffic …");
  const { answered, failed } = await sendTraffic(owner, await agentsOf(owner), rounds);
  say(`  ${answered} questions answered; ${failed} failed, for the error pages`);
  return owner;
}

async function agentsOf(person: DemoPerson): Promise<Agent[]> {
  return (await person.client.call(listAgents, { limit: 100 })).items;
}

async function deployExample(stack: DemoOptions["stack"], owner: DemoPerson, name: string, say: DemoOptions["say"]): Promise<void> {
  const found = (await agentsOf(owner)).find((agent) => agent.name === name);
  if (found?.activeDeploymentId != null) return;
  say(`  deploying ${name} …`);
  if (name === "order-desk") {
    const agent =
      found ??
      (await owner.client.call(createAgent, { body: { name, runtimeProvider: "cloudflare", envVarKeys: ["ORDERS_KEY", "SHOP_NAME"] } }))
        .agent;
    await owner.client.call(setSecrets, {
      id: agent.id,
      body: { secrets: { ORDERS_KEY: "demo-key-of-nothing", SHOP_NAME: "The corner shop" } },
    });
  }
  const folder = path.join(ROOT, "examples", name);
  await whs(stack, owner, "deploy", folder, "--agent", name);
  // A second version, so that there is one to go back to.
  if (name === "session-counter") await whs(stack, owner, "deploy", folder, "--agent", name);
}

async function publishAndInstall(
  stack: DemoOptions["stack"],
  owner: DemoPerson,
  neighbour: DemoPerson,
  say: DemoOptions["say"],
): Promise<void> {
  if (stack.endpoints.fleetprompt === undefined || (await agentsOf(neighbour)).length > 0) return;
  say(`  publishing ${published}, which a neighbour installs …`);
  await whs(stack, owner, "publish", `${published}@1.0.0`, "--summary", "Writes a short story about whatever it is told, word by word.");
  await whs(stack, neighbour, "install", published);
}
