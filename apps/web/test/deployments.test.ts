/** Deploying in the browser, and what can be done with what is deployed. */
import { createAgent } from "@whs/api";
import { createBundleArchive } from "@whs/artifact";
import { type Person, signUp } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine, takenOver, visit } from "./browser.ts";
import { deployAgent } from "./deploy.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb();
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

/** Of starting a cell on a busy machine. */
const DEPLOYED_MS = 60_000;

/** @returns the URL of the agent's page */
async function agentOf({ client }: Person, name: string): Promise<string> {
  const { agent } = await client.call(createAgent, { body: { name, runtimeProvider: "cloudflare" } });
  return `${web.url}/agents/${agent.id}`;
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

describe("a person", () => {
  test("without agents is led in three steps to one that answers", async () => {
    const page = await web.openAs(await signUp(web.stack.endpoints));
    const complaints = complaintsOf(page);
    await visit(page, `${web.url}/agents`);
    expect(await page.getByRole("region", { name: "Commands" }).textContent()).toContain(
      `npx whs login --api-url ${web.stack.endpoints.whs}`,
    );
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
    const agent = await agentOf(await web.person(), "rolling");
    await visit(page, agent);
    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Deployments" }).click();
    await page.getByRole("heading", { name: "No deployments yet" }).waitFor();
    await drop(page, { "one.tar.gz": await archive({ "agent.config.json": manifest(), "agent.ts": echo("one") }) });
    await serves(page, 1);
    expect(await page.getByRole("log").textContent()).not.toBe("No lines.");

    await visit(page, `${agent}/deployments`);
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
    const files = page.getByRole("region", { name: "Files of the bundle" }).getByRole("row");
    expect((await files.allTextContents()).slice(1).map((row) => row.replace(/\d.*/, ""))).toEqual([
      "agent.config.jsonChanged",
      "agent.tsChanged",
    ]);
    await page.getByRole("link", { name: "agent.ts" }).click();
    const text = page.getByRole("region", { name: "Text of agent.ts" });
    expect(await text.textContent()).toBe(`- ${echo("one")}\n+ ${echo("two")}\n`);
    expect(await survey(page, page.url(), "deployment", CONSOLE_SCRIPT_BYTES)).toEqual([]);

    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Deployments" }).click();
    await page.getByRole("link", { name: "Activate version 1" }).click();
    await page.getByRole("heading", { name: "Activate version 1?" }).waitFor();
    expect(await examine(page)).toEqual([]);
    await page.getByLabel("Reason").fill("version 2 forgets");
    await page.getByRole("button", { name: "Activate version 1" }).click();
    await page.getByText("Version 1 serves now.").waitFor();
    const states = await page.getByRole("region", { name: "Deployments" }).getByRole("row").allTextContents();
    expect(states.map((state) => state.includes("Serves now"))).toEqual([false, false, true]);
    expect(await survey(page, `${agent}/deployments`, "deployments", CONSOLE_SCRIPT_BYTES)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("reads why a bundle is refused, and why a deployment failed, in the API's words", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const agent = await agentOf(await web.person(), "failing");
    await visit(page, `${agent}/deployments`);
    await drop(page, { "agent.config.json": manifest({ entrypoint: "missing.ts" }), "agent.ts": echo("never") });
    expect(await page.getByRole("alert").textContent()).toContain('"missing.ts" is not in the bundle');
    expect(await examine(page)).toEqual([]);
    await drop(page, { "agent.config.json": manifest(), "agent.ts": `import { gone } from "./gone.ts"; export default { invoke: gone };` });
    await page.getByText("This deployment failed.").waitFor({ timeout: DEPLOYED_MS });
    expect(await page.getByRole("main").textContent()).toContain("./gone.ts");

    await visit(page, `${agent}/deployments`);
    const repository = page.getByLabel("Repository", { exact: true });
    await repository.fill("https://github.com/ada");
    await page.getByRole("button", { name: "Deploy from the repository" }).click();
    await page.getByText("must be https://github.com/<owner>/<repository>").first().waitFor();
    await repository.fill("https://github.com/ada/desk");
    await page.getByRole("button", { name: "Deploy from the repository" }).click();
    await page.getByRole("heading", { level: 2, name: "Version 2" }).waitFor({ timeout: DEPLOYED_MS });
    expect(await page.getByText("https://github.com/ada/desk at main").isVisible()).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("sets, rotates and deletes a secret that a version requires; no page ever has its value", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const answers: Promise<string>[] = [];
    page.on("response", (response) => {
      // An answer that the page left before it was complete has no body to look into.
      if (response.request().resourceType() !== "script") answers.push(response.text().catch(() => ""));
    });
    const agent = await agentOf(await web.person(), "secretive");
    const bundle = await archive({ "agent.config.json": manifest({ env: { requiredKeys: ["API_KEY"] } }), "agent.ts": echo("kept") });
    await visit(page, `${agent}/deployments`);
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

    await visit(page, `${agent}/deployments`);
    await drop(page, { "needy.tar.gz": bundle });
    await serves(page, 1);
    await visit(page, `${agent}/secrets`);
    expect(await page.getByRole("row", { name: /API_KEY/ }).textContent()).toContain("RequiredSet");
    await page.getByRole("link", { name: "Delete API_KEY" }).click();
    await page.getByRole("heading", { name: "Delete API_KEY?" }).waitFor();
    await page.getByRole("button", { name: "Delete API_KEY" }).click();
    await page.getByText("needs API_KEY, which is not set").waitFor();
    const sources = (await Promise.all(answers)).filter((text) => text !== "");
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => source.includes("sentinel-of"))).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test("changes an agent's settings, disables and enables it, and deletes it once its name is typed", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    await visit(page, await agentOf(await web.person(), "passing"));
    await page.getByRole("navigation", { name: "Agent" }).getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Name").fill("renamed");
    await page.getByLabel("Environment variables").fill("ONE\nTWO");
    await page.getByLabel("Installable").check();
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "renamed" }).waitFor();
    await page.reload();
    await takenOver(page);
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
    const { agentId, deploymentId } = await deployAgent((await web.person()).client, "of-the-owner", echo("mine"));
    const theirs = `${web.url}/agents/${agentId}`;
    const stranger = await signUp(web.stack.endpoints);
    const own = await agentOf(stranger, "of-the-other");
    const context = (await web.openAs(stranger)).context();
    const pages = ["deployments", `deployments/${deploymentId}`, `deployments/${deploymentId}/activate`, "secrets", "settings"];
    const tried = [...pages.map((page) => `${theirs}/${page}`), ...pages.slice(1, 3).map((page) => `${own}/${page}`)];
    for (const url of tried) expect([url, (await context.request.get(url)).status()]).toEqual([url, 404]);
    await context.close();
  });
});
