import { fleetprompt, listAgents, listDeployments, listFailedInvocations } from "@whs/api";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fillDemo } from "../src/demo/fill-demo.ts";
import { FREE_PORTS, startStack } from "../src/stack.ts";

test("the demonstration has agents, versions, errors and an install to show, and is not filled twice", { timeout: 300_000 }, async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-demo-"));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const stack = await startStack({
    dataDir,
    ports: FREE_PORTS,
    processes: ["identity", "supervisor", "whs", "fleetprompt"],
    environment: { ...process.env, LOG_LEVEL: "warn" },
  });
  onTestFinished(() => stack.stop());

  const steps: string[] = [];
  const say = (text: string): void => void steps.push(text.trim());
  const { client } = await fillDemo({ stack, say, rounds: 1 });
  expect(steps.at(-1)).toMatch(/^\d+ questions answered; \d+ failed/);
  const { items } = await client.call(listAgents, {});
  expect(items.map(({ name, status }) => `${name} ${status}`).toSorted()).toEqual([
    "echo active",
    "order-desk active",
    "session-counter active",
    "streaming-writer active",
  ]);
  const idOf = (name: string): string => items.find((agent) => agent.name === name)?.id ?? "";
  expect((await client.call(listDeployments, { id: idOf("session-counter") })).items).toHaveLength(2);
  expect((await client.call(listFailedInvocations, { id: idOf("order-desk") })).items.length).toBeGreaterThan(0);
  const found = await fetch(`${stack.endpoints.fleetprompt}${fleetprompt.searchListings.path}?q=streaming-writer`);
  expect(await found.json()).toMatchObject({ items: [{ name: "streaming-writer" }] });

  const { mode } = await stat(path.join(dataDir, "demo.json"));
  expect(mode & 0o777).toBe(0o600);
  steps.length = 0;
  await fillDemo({ stack, say, rounds: 1 });
  expect(steps.filter((step) => /deploying|publishing/.test(step))).toEqual([]);
  expect((await client.call(listAgents, {})).items).toHaveLength(4);
});
