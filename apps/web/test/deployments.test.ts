/** Deploying in the browser, and what can be done with what is deployed. */
import { createBundleArchive } from "@whs/artifact";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { START_TIMEOUT_MS, signUp, startWeb, type WebHarness } from "./harness.ts";

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
  test("without agents is led in three steps to one that answers", async () => {
    const page = await web.open();
    const complaints = complaintsOf(page);
    await signUp(page, web.url);
    expect(await page.getByRole("region", { name: "Commands" }).textContent()).toContain(
      `npx whs login --api-url ${web.stack.endpoints.whs}`,
    );
    expect(await examine(page)).toEqual([]);
    await page.getByRole("button", { name: "Create my first agent" }).click();
    await page.getByRole("heading", { level: 1, name: "Your first agent" }).waitFor();
    const prompt = page.getByLabel("What should the story be about?");
    await prompt.waitFor({ timeout: DEPLOYED_MS });
    await prompt.fill("a lighthouse in the desert");
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByText("Once there was a lighthouse in the desert.").waitFor({ timeout: DEPLOYED_MS });
    expect(await page.getByRole("img", { name: "Done:" }).count()).toBe(3);
    expect(await examine(page)).toEqual([]);
    await page.getByRole("link", { name: "How to call it" }).click();
    await page.getByRole("heading", { level: 1, name: "my-first-agent" }).waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

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

  test("sets, rotates and deletes a secret that a version requires; no page ever has its value", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const sources: string[] = [];
    page.on("response", (response) => {
      if (response.request().resourceType() !== "script")
        void response.text().then(
          (text) => sources.push(text),
          () => undefined,
        );
    });
    const agent = await createAgent(page, "secretive");
    const bundle = await archive({ "agent.config.json": manifest({ env: { requiredKeys: ["API_KEY"] } }), "agent.ts": echo("kept") });
    await page.goto(`${agent}/deployments`);
    await drop(page, { "needy.tar.gz": bundle });
    await expect.poll(() => page.getByRole("alert").textContent()).toContain("API_KEY");

    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Secrets" }).click();
    await page.getByRole("heading", { name: "No secrets yet" }).waitFor();
    for (const value of ["sentinel-of-the-first", "sentinel-of-the-second"]) {
      await page.getByLabel("Key").fill("API_KEY");
      await page.getByLabel("Value").fill(value);
      await page.getByRole("button", { name: "Set secret" }).click();
      await expect.poll(() => page.getByLabel("Value").inputValue()).toBe("");
      await page.getByText("API_KEY is set.").first().waitFor();
    }
    await page.getByLabel("Key").fill("not a key");
    await page.getByLabel("Value").fill("sentinel-of-the-third");
    await page.getByLabel("Key").evaluate((input) => input.removeAttribute("pattern"));
    await page.getByRole("button", { name: "Set secret" }).click();
    await page.getByRole("alert").waitFor();
    await expect.poll(() => page.getByLabel("Value").inputValue()).toBe("");
    expect(await examine(page)).toEqual([]);

    await page.goto(`${agent}/deployments`);
    await drop(page, { "needy.tar.gz": bundle });
    await serves(page, 1);
    await page.goto(`${agent}/secrets`);
    expect(await page.getByRole("row", { name: /API_KEY/ }).textContent()).toContain("RequiredSet");
    await page.getByRole("link", { name: "Delete API_KEY" }).click();
    await page.getByRole("heading", { name: "Delete API_KEY?" }).waitFor();
    expect(await examine(page)).toEqual([]);
    await page.getByRole("button", { name: "Delete API_KEY" }).click();
    await page.getByText("needs API_KEY, which is not set").waitFor();
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => source.includes("sentinel-of"))).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("changes an agent's settings, disables and enables it, and deletes it once its name is typed", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    await createAgent(page, "passing");
    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Name").fill("renamed");
    await page.getByLabel("Environment variables").fill("ONE\nTWO");
    await page.getByLabel("Installable").check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "renamed" }).waitFor();
    await page.reload();
    expect(await page.getByLabel("Environment variables").inputValue()).toBe("ONE\nTWO");
    expect(await page.getByLabel("Installable").isChecked()).toBe(true);
    expect(await examine(page)).toEqual([]);
    await page.getByRole("button", { name: "Disable agent" }).click();
    await page.getByRole("button", { name: "Enable agent" }).click();
    await page.getByRole("button", { name: "Disable agent" }).waitFor();
    await page.getByLabel("Type renamed to confirm").fill("something else");
    await page.getByRole("button", { name: "Delete agent" }).click();
    await page.getByText("Type renamed to delete it.").waitFor();
    await page.getByLabel("Type renamed to confirm").fill("renamed");
    await page.getByRole("button", { name: "Delete agent" }).click();
    await page.getByText("renamed is deleted.").waitFor();
    expect(await page.getByRole("link", { name: "renamed" }).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("finds nothing of another person's agents, whichever way the ids are put together", async () => {
    const owner = await web.openSignedIn();
    const theirs = await createAgent(owner, "of-the-owner");
    await owner.goto(`${theirs}/deployments`);
    await drop(owner, { "agent.config.json": manifest(), "agent.ts": echo("mine") });
    await owner.waitForURL(/\/deployments\/dep_/);
    const deployment = new URL(owner.url()).pathname.split("/").at(-1) ?? "";
    const other = await web.open();
    await signUp(other, web.url);
    const own = await createAgent(other, "of-the-other");
    const pages = ["deployments", `deployments/${deployment}`, `deployments/${deployment}/activate`, "secrets", "settings"];
    const tried = [...pages.map((page) => `${theirs}/${page}`), ...pages.slice(1, 3).map((page) => `${own}/${page}`)];
    for (const url of tried) expect([url, (await other.goto(url))?.status()]).toEqual([url, 404]);
    await owner.context().close();
    await other.context().close();
  });
});
