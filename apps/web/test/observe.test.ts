import { getTrace, invokeAgent, listFailedInvocations } from "@whs/api";
import { type Person, signUp } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { type DeployedAgent, deployAgent } from "./deploy.ts";
import { signIn, START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";

/** Does what it is told, and nothing that depends on time alone. */
const OBEDIENT = `
let released = false;
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));
export default {
  async *invoke({ messages, session, signal }) {
    const told = messages.at(-1).content;
    if (told === "fail") {
      console.error("about to fail");
      throw new Error("broken on purpose");
    }
    released ||= told === "release";
    const turn = ((await session.storage.get("turn")) ?? 0) + 1;
    await session.storage.put("turn", turn);
    yield "turn " + turn;
    while (told === "wait" && !released) await tick();
    while (told === "never end" && !signal.aborted) await tick();
    console.log("was told: " + told);
    yield ", all of it";
  },
};`;

let web: WebHarness;
let ada: Person;
let grace: Person;
let agent: DeployedAgent;
let page: Page;
beforeAll(async () => {
  web = await startWeb(["identity", "supervisor", "whs", "web"], { WHS_STREAM_GRACE_SECONDS: "1" });
  [ada, grace] = await Promise.all([signUp(web.stack.endpoints), signUp(web.stack.endpoints)]);
  agent = await deployAgent(ada.client, "obedient", OBEDIENT);
  page = await web.open();
  await signIn(page, web.url, ada.email);
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

const agentPage = (tab: string): string => `${web.url}/agents/${agent.agentId}/${tab}`;

async function say(text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

test("an answer appears piece by piece, is announced, says what it used, and its session goes on", { timeout: 120_000 }, async () => {
  const complaints = complaintsOf(page);
  await page.goto(agentPage("playground"));
  await say("wait");
  await page.getByText("turn 1", { exact: true }).waitFor();
  expect(await page.getByText("Answering…").isVisible()).toBe(true);
  await ada.client.call(invokeAgent, { agentId: agent.agentId, body: { input: { prompt: "release" } } });
  await page.getByText("turn 1, all of it", { exact: true }).waitFor();
  await page.getByRole("status").filter({ hasText: "The agent has answered: turn 1, all of it" }).waitFor({ state: "attached" });
  await page.getByText(/\d tokens/).waitFor();
  const session = await page.getByText(/^ses_/).textContent();

  await say("again");
  await page.getByText("turn 2, all of it", { exact: true }).waitFor();
  expect(await page.getByText(/^ses_/).textContent()).toBe(session);
  await page.getByRole("button", { name: "New session" }).click();
  await page.getByText("The next message begins one.").waitFor();
  await say("and anew");
  await page.getByText("turn 1, all of it", { exact: true }).nth(1).waitFor();
  expect(await page.getByText(/^ses_/).textContent()).not.toBe(session);
  await page.getByRole("tab", { name: "MCP" }).click();
  expect(await page.getByRole("region", { name: "MCP" }).textContent()).toContain("/mcp");
  expect(await examine(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test("cancelling stops the agent itself, and the keyboard is back at the message", { timeout: 120_000 }, async () => {
  const failures = async (): Promise<number> => (await ada.client.call(listFailedInvocations, { id: agent.agentId })).items.length;
  await page.goto(agentPage("playground"));
  expect(await failures()).toBe(0);
  await say("never end");
  await page.getByText("turn 1", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled", { exact: true }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
  await expect.poll(failures, { timeout: 60_000 }).toBe(1);
});

test(
  "a failed answer leads to its trace, with what the agent logged and what was metered on one time line",
  { timeout: 120_000 },
  async () => {
    const complaints = complaintsOf(page);
    await page.goto(agentPage("playground"));
    await say("fail");
    await page.getByText("Failed", { exact: true }).waitFor();
    await page.getByText("The trace shows what the agent has logged.").waitFor();
    const trace = page.getByRole("link", { name: "Trace" });
    const url = new URL((await trace.getAttribute("href")) ?? "", web.url).href;
    await trace.click();
    await page.waitForURL(url);
    await page.getByRole("heading", { level: 1, name: "Trace" }).waitFor();
    // Lines and figures arrive a moment after the answer.
    const traceId = url.split("/").at(-1) ?? "";
    const known = async () => {
      const { items } = await ada.client.call(getTrace, { traceId });
      return items.map(({ telemetry, logs }) => [telemetry !== null, logs.some(({ message }) => message === "about to fail")]);
    };
    await expect.poll(known, { timeout: 60_000 }).toEqual([[true, true]]);
    await page.reload();
    const moments = (await page.getByRole("listitem").allTextContents()).join("\n");
    expect(moments).toMatch(/The request was accepted[^]*about to fail/);
    expect(moments).toContain("The answer was RUNTIME_ERROR");
    expect(moments).toContain("Metered");
    expect(await page.getByText("Cost, estimated").isVisible()).toBe(true);
    expect(await examine(page)).toEqual([]);

    await page.goto(agentPage("errors"));
    expect(await examine(page)).toEqual([]);
    await page.getByRole("link", { name: traceId }).click();
    await page.waitForURL(url);
    expect(complaints).toEqual([]);
  },
);

test("somebody else's agent and trace are not there", { timeout: 120_000 }, async () => {
  const [failure] = (await ada.client.call(listFailedInvocations, { id: agent.agentId })).items;
  const other = await web.open();
  await signIn(other, web.url, grace.email);
  for (const url of [agentPage("playground"), agentPage("errors"), `${web.url}/traces/${failure?.traceId}`]) {
    expect((await other.goto(url))?.status()).toBe(404);
    expect(await other.getByRole("heading", { level: 1 }).textContent()).toBe("Not found");
  }
  await other.context().close();
});
