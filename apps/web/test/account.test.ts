import { getMe, invokeAgent, WhsClient } from "@whs/api";
import { type Person, signUp } from "@whs/stack/testing";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { type DeployedAgent, deployAgent } from "./deploy.ts";
import { signIn, START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";

const ECHO = `export default { invoke: ({ messages }) => "echo " + messages.at(-1).content };`;

let settings: string;
let web: WebHarness;
let ada: Person;
let agent: DeployedAgent;
let page: Page;
let complaints: string[];
beforeAll(async () => {
  settings = await mkdtemp(path.join(tmpdir(), "whs-tiers-"));
  const tiersFile = path.join(settings, "tiers.yaml");
  await writeFile(tiersFile, await tinyTiers());
  web = await startWeb(["identity", "supervisor", "whs", "web"], { WHS_TIERS_FILE: tiersFile });
  ada = await signUp(web.stack.endpoints);
  agent = await deployAgent(ada.client, "echo", ECHO);
  page = await web.open();
  complaints = complaintsOf(page);
  await signIn(page, web.url, ada.email);
}, START_TIMEOUT_MS);
afterAll(async () => {
  await web?.stop();
  await rm(settings, { recursive: true, force: true });
}, 60_000);

/** The plans of the product, of which the free one, the first, allows two requests. */
async function tinyTiers(): Promise<string> {
  const text = await readFile(path.resolve(import.meta.dirname, "../../../config/tiers.yaml"), "utf8");
  return text.replace(/maxRequestsPerPeriod: \d+/, "maxRequestsPerPeriod: 2");
}

const go = (name: string) => page.getByRole("navigation", { name: "Console" }).getByRole("link", { name }).click();

async function createTokenInBrowser(name: string): Promise<string> {
  await go("API tokens");
  await page.getByRole("link", { name: "Create token" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("billing:write").uncheck();
  expect(await page.getByLabel("tokens:write").isChecked()).toBe(false);
  expect(await examine(page)).toEqual([]);
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("heading", { level: 1, name: `Token ${name} is created` }).waitFor();
  expect(await examine(page)).toEqual([]);
  return (await page.getByRole("region", { name: "the token" }).textContent()) ?? "";
}

test("a token is shown once, works over HTTP until it is revoked, and not a moment longer", { timeout: 120_000 }, async () => {
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

test("a token without a scope is refused at the field", { timeout: 60_000 }, async () => {
  await page.goto(`${web.url}/tokens/new`);
  await page.getByLabel("Name").fill("none");
  for (const box of await page.getByRole("checkbox").all()) await box.uncheck();
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByText("Choose what the token may do.").waitFor();
  expect(await page.getByLabel("Name").inputValue()).toBe("none");
});

test("who has reached a limit reads what that means, pays in the test checkout, and goes on", { timeout: 120_000 }, async () => {
  const invoke = async (): Promise<string> => {
    const answer = await ada.client.call(invokeAgent, { agentId: agent.agentId, body: { input: { prompt: "hi" } } });
    return answer.output.text;
  };
  expect([await invoke(), await invoke()]).toEqual(["echo hi", "echo hi"]);
  await expect(invoke()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", details: { limitType: "requests" } });

  await go("Usage");
  const requests = page.getByRole("region", { name: "Requests", exact: true });
  await requests.getByText("Limit reached").waitFor();
  expect(await requests.textContent()).toContain("of 2 requests");
  expect(await requests.getByRole("meter", { name: "Requests" }).getAttribute("aria-valuenow")).toBe("100");
  expect(await page.getByText("your agents answer nobody").isVisible()).toBe(true);
  expect(await page.getByText("From the Enterprise plan on.").count()).toBe(2);
  expect(await examine(page)).toEqual([]);

  await page.getByRole("link", { name: "larger plan" }).click();
  await page.getByRole("button", { name: "Upgrade to Starter" }).click();
  const onward = page.getByRole("link", { name: "Continue to the test checkout" });
  await onward.waitFor();
  expect(await examine(page)).toEqual([]);
  await onward.click();
  await page.getByRole("button", { name: "Pay (test mode)" }).click();
  await page.getByText("Paid, with no money at all.").waitFor();
  await page.getByRole("link", { name: "Back to the console" }).click();
  await page.getByText("Welcome back. You are on the Starter plan.").waitFor();
  expect(await page.locator("li[aria-current]").getByRole("heading").textContent()).toBe("Starter");
  expect(await invoke()).toBe("echo hi");

  await page.goto(`${web.url}/usage`);
  expect(await page.getByRole("region", { name: "Requests", exact: true }).textContent()).toContain("of 10,000 requests");
  expect(await page.getByText("Limit reached").count()).toBe(0);
  expect(complaints).toEqual([]);
});

test("the checkout is reached without script too", { timeout: 60_000 }, async () => {
  const plain = await web.open({ javaScriptEnabled: false });
  await signIn(plain, web.url, (await signUp(web.stack.endpoints)).email);
  await plain.goto(`${web.url}/plan`);
  await plain.getByRole("button", { name: "Upgrade to Pro" }).click();
  await plain.getByRole("link", { name: "Continue to the test checkout" }).click();
  await plain.getByRole("heading", { name: "Choose a plan" }).waitFor();
  expect(new URL(plain.url()).origin).toBe(web.stack.endpoints.whs);
  await plain.context().close();
});

test("the audit log has all of it, is filtered by the URL, and is its owner's alone", { timeout: 120_000 }, async () => {
  await go("Audit log");
  await page.getByRole("link", { name: "billing.tier_changed" }).waitFor();
  expect(await page.getByRole("link", { name: "agent.created" }).isVisible()).toBe(true);
  await page.getByLabel("Action").selectOption("token");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByRole("link", { name: "billing.tier_changed" }).waitFor({ state: "detached" });
  expect(await page.getByRole("link", { name: /^token\./ }).allTextContents()).toEqual(["token.revoked", "token.created"]);
  await page.getByText("Show details of token.created").click();
  expect(await page.getByRole("definition").filter({ hasText: "usage:read" }).isVisible()).toBe(true);
  expect(await page.getByRole("cell", { name: "You", exact: true }).count()).toBe(2);
  expect(await examine(page)).toEqual([]);
  expect(complaints).toEqual([]);

  const stranger = await web.open();
  await signIn(stranger, web.url, (await signUp(web.stack.endpoints)).email);
  await stranger.goto(`${web.url}/audit?target=${agent.agentId}`);
  await stranger.getByRole("heading", { name: "Nothing matches" }).waitFor();
  for (const [address, sign] of [
    ["audit", "Nothing has been done yet"],
    ["tokens", "No tokens yet"],
    ["usage", "of 2 requests (0%)"],
  ] as const) {
    await stranger.goto(`${web.url}/${address}`);
    await stranger.getByText(sign).waitFor();
    expect(await stranger.content()).not.toContain(agent.agentId);
    expect(await examine(stranger)).toEqual([]);
  }
  await stranger.context().close();
});
