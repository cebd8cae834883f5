import { ApiError, getMetrics, getTrace, invokeAgent, listDeploymentLogs, listFailedInvocations, listSessions } from "@whs/api";
import { type Person, signUp } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { complaintsOf, examine, takenOver, visit } from "./browser.ts";
import { type DeployedAgent, deployAgent } from "./deploy.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { CHARTS_SCRIPT_BYTES, CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

/** Does what it is told, and nothing that depends on time alone. */
const OBEDIENT = `
const released = new Set();
const tick = () => new Promise((resolve) => setTimeout(resolve, 20));
export default {
  async *invoke({ messages, session, signal }) {
    const told = messages.at(-1).content;
    if (told === "fail") {
      console.error("about to fail");
      throw new Error("broken on purpose");
    }
    if (told.startsWith("release ")) released.add(told.slice(8));
    const turn = ((await session.storage.get("turn")) ?? 0) + 1;
    await session.storage.put("turn", turn);
    yield "turn " + turn;
    while (told.startsWith("wait for ") && !released.has(told.slice(9))) await tick();
    while (told === "never end" && !signal.aborted) await tick();
    for (let line = 1; told === "chatter" && line <= 120; line += 1) console.log("line " + line);
    console.log("was told: " + told);
    yield ", all of it";
  },
};`;

/** The free plan's requests a month: a little more than the tests before the last one need. */
const REQUESTS = inject("freeRequests");

let web: WebHarness;
let ada: Person;
let grace: Person;
let agent: DeployedAgent;
let page: Page;
beforeAll(async () => {
  web = await startWeb();
  [ada, grace] = await Promise.all([signUp(web.stack.endpoints), signUp(web.stack.endpoints)]);
  agent = await deployAgent(ada.client, "obedient", OBEDIENT);
  page = await web.openAs(ada);
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

const agentPage = (tab: string): string => `${web.url}/agents/${agent.agentId}/${tab}`;

/** How many invocations this file has made over the API. */
let told = 0;
async function tell(text: string): Promise<void> {
  await ada.client.call(invokeAgent, { agentId: agent.agentId, body: { input: { prompt: text } } });
  told += 1;
}

/** Files with what draws charts, among those that the page has loaded. */
function chartFilesOf(from: Page): Promise<number> {
  return from.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => /metrics-charts.*\.js$/.test(name)).length);
}

async function say(text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.keyboard.press("Enter");
}

test("an answer appears piece by piece, is announced, says what it used, and its session goes on", async () => {
  const complaints = complaintsOf(page);
  expect(await survey(page, agentPage("playground"), "playground", CONSOLE_SCRIPT_BYTES)).toEqual([]);
  await say("wait for one");
  await page.getByText("turn 1", { exact: true }).waitFor();
  expect(await page.getByText("Answering…").isVisible()).toBe(true);
  await tell("release one");
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
  await page.getByLabel("Go on with the session").uncheck();
  await say("alone");
  await page.getByText("turn 1, all of it", { exact: true }).nth(2).waitFor();
  // It is written down a moment after the answer.
  const listed = async () => (await ada.client.call(listSessions, { id: agent.agentId })).items.map(({ id }) => id);
  await expect.poll(listed, { timeout: 60_000 }).toContain(session);
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByRole("link", { name: `Continue ${session}` }).click();
  await page.getByText(session ?? "no session", { exact: true }).waitFor();
  await say("as before");
  await page.getByText("turn 3, all of it", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByRole("link", { name: `End ${session}` }).click();
  expect(await examine(page)).toEqual([]);
  await page.getByRole("button", { name: "End session" }).click();
  await page.getByText("The session is ended.").waitFor();
  expect(await page.getByText(session ?? "", { exact: true }).count()).toBe(0);
  await visit(page, agentPage("playground"));
  await page.getByRole("tab", { name: "MCP" }).click();
  expect(await page.getByRole("region", { name: "MCP" }).textContent()).toContain("/mcp");
  expect(await examine(page)).toEqual([]);
  expect(complaints).toEqual([]);
});

test("an answer whose connection is lost goes on where it was, and the agent runs once", async () => {
  const cutOff = await page.context().newPage();
  await cutOff.addInitScript(() => {
    const send = window.fetch;
    window.fetch = async (...request) => {
      const response = await send(...request);
      if (!response.url.endsWith("/playground/stream")) return response;
      window.fetch = send;
      const reader = response.body?.getReader();
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue((await reader?.read())?.value);
          await reader?.cancel();
          controller.error(new TypeError("The network has gone"));
        },
      });
      return new Response(body, response);
    };
  });
  await visit(cutOff, agentPage("playground"));
  const resumed = cutOff.waitForRequest((request) => new URL(request.url()).searchParams.has("stream"));
  await cutOff.getByLabel("Message").fill("wait for two");
  await cutOff.keyboard.press("Enter");
  await resumed;
  await tell("release two");
  await cutOff.getByText("turn 1, all of it", { exact: true }).waitFor();
  const runs = async (): Promise<number> =>
    (await ada.client.call(listDeploymentLogs, { id: agent.deploymentId })).lines.filter(({ message }) => message.endsWith("wait for two"))
      .length;
  await expect.poll(runs, { timeout: 60_000 }).toBe(1);
  await cutOff.close();
});

test("cancelling stops the agent itself, and the keyboard is back at the message", async () => {
  const failures = async (): Promise<number> => (await ada.client.call(listFailedInvocations, { id: agent.agentId })).items.length;
  await visit(page, agentPage("playground"));
  expect(await failures()).toBe(0);
  await say("never end");
  await page.getByText("turn 1", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled", { exact: true }).waitFor();
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("TEXTAREA");
  await expect.poll(failures, { timeout: 60_000 }).toBe(1);
});

test("a failed answer leads to its trace, with what the agent logged and what was metered on one time line", async () => {
  const complaints = complaintsOf(page);
  await visit(page, agentPage("playground"));
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
  await takenOver(page);
  const moments = (await page.getByRole("listitem").allTextContents()).join("\n");
  expect(moments).toMatch(/The request was accepted[^]*about to fail/);
  expect(moments).toContain("The answer was RUNTIME_ERROR");
  expect(moments).toContain("Metered");
  expect(await page.getByText("Cost, estimated").isVisible()).toBe(true);
  expect(await examine(page)).toEqual([]);

  await visit(page, agentPage("errors"));
  await page.getByRole("link", { name: traceId }).click();
  await page.waitForURL(url);
  expect(complaints).toEqual([]);
});

test("the log is read page by page, and followed live until it is paused", async () => {
  const complaints = complaintsOf(page);
  await tell("chatter");
  await visit(page, agentPage("logs"));
  await page.getByRole("button", { name: "Follow" }).click();
  await page.getByText("New lines appear on top").waitFor();
  await tell("speak up");
  await page.getByText("was told: speak up").waitFor();
  expect(await examine(page)).toEqual([]);

  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused", { exact: true }).waitFor();
  await tell("whisper");
  const stored = async (): Promise<boolean> =>
    (await ada.client.call(listDeploymentLogs, { id: agent.deploymentId })).lines.some(({ message }) => message.endsWith("whisper"));
  await expect.poll(stored, { timeout: 60_000 }).toBe(true);
  expect(await page.getByText("was told: whisper").count()).toBe(0);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByText("was told: whisper").waitFor();

  const furtherPage = async (): Promise<boolean> =>
    (await ada.client.call(listDeploymentLogs, { id: agent.deploymentId, limit: 100 })).nextCursor !== null;
  await expect.poll(furtherPage, { timeout: 60_000 }).toBe(true);
  await visit(page, agentPage("logs"));
  await page.getByRole("link", { name: "Next page" }).click();
  await page.getByText("line 1", { exact: true }).waitFor();
  expect(new URL(page.url()).searchParams.has("cursor")).toBe(true);
  expect(await page.getByText("was told: whisper").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("metrics show the invocations as charts and as a table, by the deployment and range in the URL", async () => {
  const complaints = complaintsOf(page);
  const counted = async (): Promise<number> =>
    (await ada.client.call(getMetrics, { id: agent.agentId })).series.reduce((sum, { requests }) => sum + requests, 0);
  await expect.poll(counted, { timeout: 60_000 }).toBeGreaterThanOrEqual(told);
  await visit(page, agentPage("logs"));
  expect(await chartFilesOf(page)).toBe(0);
  await page.getByRole("link", { name: "Metrics" }).click();
  await page.locator("[data-chart=requests] .recharts-bar-rectangle path").first().waitFor();
  expect(await chartFilesOf(page)).toBe(1);
  const figure = page.getByRole("figure").filter({ has: page.getByRole("heading", { name: "Requests", exact: true }) });
  expect(Number(/In all: (\d+)/.exec((await figure.textContent()) ?? "")?.[1])).toBeGreaterThanOrEqual(told);
  await page.getByRole("heading", { name: /^Cost, estimated/ }).waitFor();
  expect(await page.getByRole("columnheader").count()).toBe(6);
  expect(await survey(page, agentPage("metrics"), "metrics", CHARTS_SCRIPT_BYTES)).toEqual([]);

  await page.getByLabel("Range").selectOption("1 hour");
  await page.getByLabel("Deployment").selectOption("Version 1 (active)");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/range=1h/);
  expect(new URL(page.url()).searchParams.get("deployment")).toBe(agent.deploymentId);
  await page.getByRole("columnheader", { name: "Minute" }).waitFor();
  await visit(page, `${agentPage("metrics")}?range=90d&bucket=minute`);
  await page.getByRole("alert").filter({ hasText: "Trace" }).waitFor();
  await visit(page, `${agentPage("metrics")}?to=2026-01-02T00:00:00Z`);
  await page.getByRole("heading", { name: "No invocations in this time" }).waitFor();
  expect(complaints).toEqual([]);
});

test("somebody else's agent and trace are not there", async () => {
  const [failure] = (await ada.client.call(listFailedInvocations, { id: agent.agentId })).items;
  const other = await web.openAs(grace);
  for (const url of [...["playground", "sessions", "logs", "metrics", "errors"].map(agentPage), `${web.url}/traces/${failure?.traceId}`]) {
    expect((await visit(other, url))?.status()).toBe(404);
    expect(await other.getByRole("heading", { level: 1 }).textContent()).toBe("Not found");
  }
  // A stream says in itself how it ends.
  const tail = await other.request.get(`${web.url}/agents/${agent.agentId}/logs/tail?deployment=${agent.deploymentId}`);
  expect(await tail.text()).toMatch(/^event: problem\ndata: .*"NOT_FOUND"/);
  await other.context().close();
});

test("whoever has used up the plan is told how much that was, and led to the plans", async () => {
  const complaints = complaintsOf(page);
  const ask = (): Promise<unknown> => ada.client.call(invokeAgent, { agentId: agent.agentId, body: { input: { prompt: "more" } } });
  const outcome = () =>
    ask().then(
      () => "answered",
      (error: unknown) => (error instanceof ApiError ? error.code : error),
    );
  await expect.poll(outcome, { timeout: 60_000, interval: 50 }).toBe("LIMIT_EXCEEDED");
  await visit(page, agentPage("playground"));
  await say("one more");
  await page.getByText(`${REQUESTS} of ${REQUESTS} requests in`).waitFor();
  await page.getByRole("link", { name: "Compare plans" }).click();
  await page.waitForURL(`${web.url}/plan`);
  expect(complaints).toEqual([]);
});
