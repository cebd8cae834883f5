/** Deploying in the browser, and what can be done with what is deployed. */
import { createBundleArchive } from "@whs/artifact";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb(["identity", "supervisor", "whs", "web"]);
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

/** Of starting a cell on a busy machine. */
const DEPLOYED_MS = 60_000;

/** @returns the URL of the agent's page */
async function createAgent(page: Page, name: string): Promise<string> {
  await page.goto(`${web.url}/agents/new`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create agent" }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  return page.url();
}

const echo = (prefix: string) => `export default { invoke({ messages }: any) { return "${prefix} " + messages.at(-1).content; } };`;
const manifest = (over: object = {}) =>
  JSON.stringify({ protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "agent.ts", sessionful: false, ...over });

async function archive(files: Record<string, string>): Promise<Buffer> {
  return Buffer.from(await createBundleArchive(Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) }))));
}

/** Drops files on the deploy form, as a person does with the mouse. */
async function drop(page: Page, files: Record<string, Buffer | string>): Promise<void> {
  const contents = Object.entries(files).map(([name, content]) => ({ name, base64: Buffer.from(content).toString("base64") }));
  const transfer = await page.evaluateHandle((dropped) => {
    const data = new DataTransfer();
    for (const { name, base64 } of dropped) data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name));
    return data;
  }, contents);
  const target = page.getByText("Drop a bundle here");
  await target.dispatchEvent("dragover", { dataTransfer: transfer });
  await target.dispatchEvent("drop", { dataTransfer: transfer });
}

async function serves(page: Page, version: number): Promise<void> {
  await page.getByRole("heading", { level: 2, name: `Version ${version}` }).waitFor({ timeout: DEPLOYED_MS });
  await page.getByText("Serves now").waitFor({ timeout: DEPLOYED_MS });
}

describe("a person", { timeout: 180_000 }, () => {
  test("deploys by a dropped bundle and by chosen files, compares the versions, and rolls back", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const agent = await createAgent(page, "rolling");
    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Deployments" }).click();
    await page.getByRole("heading", { name: "No deployments yet" }).waitFor();
    expect(await examine(page)).toEqual([]);
    await drop(page, { "one.tar.gz": await archive({ "agent.config.json": manifest(), "agent.ts": echo("one") }) });
    await serves(page, 1);
    expect(await page.getByRole("log").textContent()).not.toBe("No lines.");

    await page.goto(`${agent}/deployments`);
    await page.getByLabel("Choose files").setInputFiles([
      { name: "agent.config.json", mimeType: "application/json", buffer: Buffer.from(manifest({ sessionful: true })) },
      { name: "agent.ts", mimeType: "text/plain", buffer: Buffer.from(echo("two")) },
    ]);
    await serves(page, 2);
    expect(await page.getByRole("region", { name: "Changes of the manifest" }).getByRole("row").allTextContents()).toEqual([
      "FieldBeforeAfter",
      "sessionfulfalsetrue",
    ]);
    expect(await page.getByText("The bundle is another one").isVisible()).toBe(true);
    expect(await examine(page)).toEqual([]);

    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Deployments" }).click();
    await page.getByRole("link", { name: "Activate version 1" }).click();
    await page.getByRole("heading", { name: "Activate version 1?" }).waitFor();
    expect(await examine(page)).toEqual([]);
    await page.getByLabel("Reason").fill("version 2 forgets");
    await page.getByRole("button", { name: "Activate version 1" }).click();
    await page.getByText("Version 1 serves now.").waitFor();
    const states = await page.getByRole("region", { name: "Deployments" }).getByRole("row").allTextContents();
    expect(states.map((state) => state.includes("Serves now"))).toEqual([false, false, true]);
    expect(await examine(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("reads why a bundle is refused, and why a deployment failed, in the API's words", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const agent = await createAgent(page, "failing");
    await page.goto(`${agent}/deployments`);
    await drop(page, { "agent.config.json": manifest({ entrypoint: "missing.ts" }), "agent.ts": echo("never") });
    expect(await page.getByRole("alert").textContent()).toContain('"missing.ts" is not in the bundle');
    expect(await examine(page)).toEqual([]);
    await drop(page, { "agent.config.json": manifest(), "agent.ts": `import { gone } from "./gone.ts"; export default { invoke: gone };` });
    await page.getByText("This deployment failed.").waitFor({ timeout: DEPLOYED_MS });
    expect(await page.getByRole("main").textContent()).toContain("./gone.ts");
    expect(await examine(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
