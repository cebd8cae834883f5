import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { START_TIMEOUT_MS, signUp, startWeb, type WebHarness } from "./harness.ts";

let web: WebHarness;
let settings: string;
beforeAll(async () => {
  settings = await mkdtemp(path.join(tmpdir(), "whs-tiers-"));
  const tiersFile = path.join(settings, "tiers.yaml");
  await writeFile(tiersFile, await tinyTiers());
  web = await startWeb(["identity", "supervisor", "whs", "web"], { WHS_TIERS_FILE: tiersFile });
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

async function buy(page: Page, plan: string): Promise<void> {
  await page.goto(`${web.url}/plan`);
  await page.getByRole("button", { name: new RegExp(`to ${plan}$`) }).click();
  await page.getByRole("link", { name: "Continue to the test checkout" }).click();
  await page.getByRole("button", { name: /ay \(test mode\)/ }).click();
  await page.getByText("Paid, with no money at all.").waitFor();
  await page.getByRole("link", { name: "Back to the console" }).click();
  await page.getByText(`Welcome back. You are on the ${plan} plan.`).waitFor();
}

describe("a person", { timeout: 120_000 }, () => {
  test("sees usage against limits, and plans side by side", async () => {
    const page = await web.open();
    await signUp(page, web.url);
    const complaints = complaintsOf(page);
    await page.getByRole("link", { name: "Usage" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Usage" }).waitFor();
    expect(await examine(page)).toEqual([]);
    await buy(page, "Starter");
    expect(await examine(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
