import { getMe, invokeAgent, WhsClient } from "@whs/api";
import { type Person, signUp } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { complaintsOf, examine, visit } from "./browser.ts";
import { type DeployedAgent, deployAgent } from "./deploy.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

/** The free plan's requests a month. */
const REQUESTS = inject("freeRequests");
const ECHO = `export default { invoke: ({ messages }) => "echo " + messages.at(-1).content };`;

let web: WebHarness;
let ada: Person;
let agent: DeployedAgent;
let page: Page;
let complaints: string[];
beforeAll(async () => {
  web = await startWeb();
  ada = await signUp(web.stack.endpoints);
  agent = await deployAgent(ada.client, "echo", ECHO);
  page = await web.openAs(ada);
  complaints = complaintsOf(page);
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

async function createTokenInBrowser(name: string): Promise<string> {
  await visit(page, `${web.url}/tokens`);
  await page.getByRole("link", { name: "Create token" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("billing:write").uncheck();
  expect(await page.getByLabel("tokens:write").isChecked()).toBe(false);
  expect(await examine(page)).toEqual([]);
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("heading", { level: 1, name: `Token ${name} is created` }).waitFor();
  return (await page.getByRole("region", { name: "the token" }).textContent()) ?? "";
}

test("a token is shown once, works over HTTP until it is revoked, and not a moment longer", async () => {
  const secret = await createTokenInBrowser("ci");
  expect(secret).toMatch(/^whs_[\w-]{20,}$/);
  const client = new WhsClient({ baseUrl: web.stack.endpoints.whs ?? "", token: secret });
  expect((await client.call(getMe, {})).user.email).toBe(ada.email);
  await page.getByRole("link", { name: "I have copied it" }).click();
  const row = page.getByRole("row", { name: /ci/ });
  await row.waitFor();
  expect(await page.content()).not.toContain(secret);
  expect(await row.textContent()).not.toContain("billing:write");

  await row.getByRole("link", { name: "Revoke ci" }).click();
  await page.getByRole("heading", { name: "Revoke ci?" }).waitFor();
  expect(await examine(page)).toEqual([]);
  expect((await client.call(getMe, {})).user.email).toBe(ada.email);
  await page.getByRole("button", { name: "Revoke token" }).click();
  await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
  await expect(client.call(getMe, {})).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect(complaints).toEqual([]);
});

test("a token without a scope is refused at the field", async () => {
  await visit(page, `${web.url}/tokens/new`);
  await page.getByLabel("Name").fill("none");
  for (const box of await page.getByRole("checkbox").all()) await box.uncheck();
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByText("Choose what the token may do.").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("none");
});

test("who has reached a limit reads what that means, pays in the test checkout, and goes on", async () => {
  const invoke = async (): Promise<string> => {
    const answer = await ada.client.call(invokeAgent, { agentId: agent.agentId, body: { input: { prompt: "hi" } } });
    return answer.output.text;
  };
  for (let request = 0; request < REQUESTS; request += 1) expect(await invoke()).toBe("echo hi");
  await expect(invoke()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", details: { limitType: "requests" } });

  expect(await survey(page, `${web.url}/usage`, "usage", CONSOLE_SCRIPT_BYTES)).toEqual([]);
  const requests = page.getByRole("region", { name: "Requests", exact: true });
  await requests.getByText("Limit reached").waitFor();
  expect(await requests.textContent()).toContain(`of ${REQUESTS} requests`);
  expect(await requests.getByRole("meter", { name: "Requests" }).getAttribute("aria-valuenow")).toBe("100");
  expect(await page.getByText("your agents answer nobody").isVisible()).toBe(true);
  expect(await page.getByText("From the Enterprise plan on.").count()).toBe(2);

  await page.getByRole("link", { name: "larger plan" }).click();
  await choosePlan("Upgrade to Pro", "Pay (test mode)");
  await page.getByText("Welcome back. You are on the Pro plan.").waitFor();
  expect(await page.locator("li[aria-current]").getByRole("heading").textContent()).toBe("Pro");
  expect(await invoke()).toBe("echo hi");
  expect(complaints).toEqual([]);
});

/** From the page of the plans to the test checkout and back. */
async function choosePlan(button: string, pay: string): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await continueToCheckout();
  await page.getByRole("button", { name: pay }).click();
  await page.getByRole("status").waitFor();
  await page.getByRole("link", { name: "Back to the console" }).click();
}

async function continueToCheckout(): Promise<void> {
  await page.getByRole("link", { name: "Continue to the test checkout" }).click();
  await page.getByRole("heading", { name: "Choose a plan" }).waitFor();
}

test("a smaller plan is explained before it is taken, and what is paid for is looked after at the provider", async () => {
  expect(await survey(page, `${web.url}/plan`, "plan", CONSOLE_SCRIPT_BYTES)).toEqual([]);
  await page.getByRole("button", { name: "Downgrade to Starter" }).click();
  const onward = page.getByRole("region", { name: "Change to the Starter plan" });
  await onward.getByText("This plan is smaller than yours.").waitFor();
  expect(await onward.evaluate((panel) => panel === document.activeElement)).toBe(true);
  expect(await examine(page)).toEqual([]);
  await choosePlan("Downgrade to Starter", "Change and pay (test mode)");
  await page.getByText("Welcome back. You are on the Starter plan.").waitFor();
  await visit(page, `${web.url}/usage`);
  await page.getByRole("region", { name: "Requests", exact: true }).getByText("of 10,000 requests").waitFor();
  expect(await page.getByText("Limit reached").count()).toBe(0);
  await page.getByRole("region", { name: "Usage by agent" }).getByRole("link", { name: "echo" }).waitFor();

  await visit(page, `${web.url}/plan`);
  await page.getByRole("button", { name: "Billing and invoices" }).click();
  await continueToCheckout();
  await page.getByRole("button", { name: "Cancel at the end of the month" }).click();
  await page.getByText("Starter, cancelled").waitFor();
  await visit(page, `${web.url}/plan`);
  await page.getByText("The Starter subscription is cancelled.").waitFor();
  expect(complaints).toEqual([]);
});

test("the checkout is reached without script too", async () => {
  const plain = await web.openSignedIn({ javaScriptEnabled: false });
  await plain.goto(`${web.url}/plan`);
  await plain.getByRole("button", { name: "Upgrade to Pro" }).click();
  await plain.getByRole("link", { name: "Continue to the test checkout" }).click();
  await plain.getByRole("heading", { name: "Choose a plan" }).waitFor();
  expect(new URL(plain.url()).origin).toBe(web.stack.endpoints.whs);
  await plain.context().close();
});

test("the audit log has all of it, is filtered by the URL, and is its owner's alone", async () => {
  await visit(page, `${web.url}/plan`);
  await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Audit log" }).click();
  await page.getByRole("link", { name: "billing.tier_changed" }).first().waitFor();
  expect(await page.getByRole("link", { name: "agent.created" }).isVisible()).toBe(true);
  await page.getByLabel("Action").selectOption("token");
  await page.getByRole("button", { name: "Show" }).click();
  await expect.poll(() => page.getByRole("link", { name: "billing.tier_changed" }).count()).toBe(0);
  expect(await page.getByRole("link", { name: /^token\./ }).allTextContents()).toEqual(["token.revoked", "token.created"]);
  await page.getByText("Show details of token.created").click();
  expect(await page.getByRole("definition").filter({ hasText: "usage:read" }).isVisible()).toBe(true);
  expect(await page.getByRole("cell", { name: "You", exact: true }).count()).toBe(2);
  expect(await examine(page)).toEqual([]);
  expect(complaints).toEqual([]);

  const stranger = await web.openAs(await signUp(web.stack.endpoints), { javaScriptEnabled: false });
  await stranger.goto(`${web.url}/audit?target=${agent.agentId}`);
  await stranger.getByRole("heading", { name: "Nothing matches" }).waitFor();
  for (const [address, sign] of [
    ["audit", "Nothing has been done yet"],
    ["tokens", "No tokens yet"],
    ["usage", `of ${REQUESTS} requests (0%)`],
  ] as const) {
    await stranger.goto(`${web.url}/${address}`);
    await stranger.getByText(sign).waitFor();
    expect(await stranger.content()).not.toContain(agent.agentId);
  }
  await stranger.context().close();
});
