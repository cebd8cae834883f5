import { createAgent, fleetprompt, WhsClient } from "@whs/api";
import { signUp } from "@whs/stack/testing";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine, visit } from "./browser.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { createDraft, createPublisher, deploySource, publish, type Publisher, publishRelease, setStatus } from "./offers.ts";
import { CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

let web: WebHarness;
let publisher: Publisher;
let greeterId: string;
let greeterReleaseId: string;
let needyId: string;

beforeAll(async () => {
  web = await startWeb();
  publisher = await createPublisher(web.stack, "Greeting Makers");
  const [greeter, needy] = await Promise.all([
    deploySource(publisher, "greeter"),
    deploySource(publisher, "needy", { API_KEY: "the-publishers-own" }),
  ]);
  greeterId = await createDraft(publisher, { name: "Greeter", summary: "Greets." });
  greeterReleaseId = await publishRelease(publisher, greeterId, "1.0.0", { source: greeter, notes: "First." });
  await publishRelease(publisher, greeterId, "2.0.0", { source: greeter, minWHSVersion: "99.0.0" });
  await setStatus(publisher, greeterId, "published");
  needyId = await publish(publisher, { name: "Needy", summary: "Needs a key." }, { source: needy });
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

describe("a buyer", () => {
  test("installs the newest release that fits, sees why no newer one does, and never gets hold of the token", async () => {
    const page = await web.openSignedIn();
    const complaints = complaintsOf(page);
    const seen: Promise<string>[] = [];
    page.on("response", (response) => {
      const head = response.url() + JSON.stringify(response.headers());
      // A page that is left in the middle takes the bodies with it that were on their way.
      const body = response.text().then(
        (text) => head + text,
        () => head,
      );
      seen.push(body);
    });
    await visit(page, `${web.url}/marketplace/listings/${greeterId}`);
    await page.getByText(/^Release 1\.0\.0 fits your WHS/).waitFor();
    const about = page.getByRole("complementary", { name: "About this listing" });
    expect(await about.innerText()).toMatch(/2\.0\.0 needs WHS 99\.0\.0 or newer/);
    await page.getByRole("link", { name: "Install", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Install Greeter" }).waitFor();
    expect(await page.getByRole("list", { name: "Newer releases" }).innerText()).toMatch(/2\.0\.0 needs WHS 99\.0\.0 or newer/);
    expect(await examine(page)).toEqual([]);
    await page.getByLabel("Name of your agent").fill("my-greeter");
    await page.getByRole("button", { name: "Install release 1.0.0" }).click();
    await page.getByRole("heading", { level: 1, name: "my-greeter" }).waitFor();
    await page.getByText("Agent my-greeter is installed").waitFor();
    expect((await Promise.all(seen)).join("\n")).toContain("my-greeter");

    await expect
      .poll(
        async () => {
          await visit(page, `${web.url}/installs`);
          return page.getByRole("row").nth(1).innerText();
        },
        { timeout: 60_000 },
      )
      .toMatch(/Greeter[\s\S]*1\.0\.0[\s\S]*Installed/);
    expect(await survey(page, `${web.url}/installs`, "installs", CONSOLE_SCRIPT_BYTES)).toEqual([]);
    await page.getByRole("link", { name: /^Details/ }).click();
    await page.getByText("WHS has installed it.").waitFor();
    expect(complaints).toEqual([]);
    expect((await Promise.all(seen)).join("\n")).not.toMatch(/fpi_/);
    await page.context().close();
  });

  test("is told which secrets are missing, without script too, and where a form that is sent again goes on", async () => {
    const page = await web.openSignedIn({ javaScriptEnabled: false });
    const { client } = await web.person();
    await client.call(createAgent, { body: { name: "taken", runtimeProvider: "cloudflare" } });
    await page.goto(`${web.url}/marketplace/listings/${needyId}`);
    await page.getByRole("link", { name: "Install", exact: true }).click();
    await page.getByLabel("Name of your agent").fill("taken");
    await page.getByRole("button", { name: "Install release 1.0.0" }).click();
    expect(await page.getByRole("alert").innerText()).toMatch(/"taken"/);
    await page.getByLabel("Name of your agent").fill("my-needy");
    await page.getByRole("button", { name: "Install release 1.0.0" }).click();
    await page.getByRole("heading", { level: 1, name: "my-needy is installed" }).waitFor();
    expect(await page.getByRole("status").innerText()).toContain("API_KEY");
    await page.getByRole("link", { name: "Set the secrets" }).click();
    await page.getByRole("heading", { level: 1, name: "my-needy" }).waitFor();
    await page.goto(`${web.url}/installs`);
    expect(await page.getByRole("link", { name: "Needy" }).count()).toBe(1);
    await page.context().close();
  });
});

describe("an install", () => {
  test("that was begun elsewhere goes on here, can be given up, and is nobody else's", async () => {
    const person = await signUp(web.stack.endpoints);
    const page = await web.openAs(person);
    const marketplace = new WhsClient({ baseUrl: web.stack.endpoints.fleetprompt ?? "", token: person.jwt });
    const { installIntent } = await marketplace.call(fleetprompt.createIntent, {
      body: { listingId: greeterId, releaseId: greeterReleaseId, targetSystem: "whs" },
      idempotencyKey: randomUUID(),
    });
    const intentId = installIntent.installIntentId;
    await visit(page, `${web.url}/install?installIntentId=${intentId}`);
    await page.getByRole("button", { name: "Install release 1.0.0" }).waitFor();
    const stranger = (await web.openSignedIn()).context();
    expect((await stranger.request.get(`${web.url}/install?installIntentId=${intentId}`)).status()).toBe(404);
    await visit(page, `${web.url}/installs`);
    await page.getByRole("button", { name: "Cancel" }).first().click();
    await page.getByText("The install is canceled.").waitFor();
    await visit(page, `${web.url}/install?installIntentId=${intentId}`);
    await page.getByText("It was given up.").waitFor();
    const unknown = await page.context().request.get(`${web.url}/install?listingId=lst_01h455vb4pex5vsknk084sn02q`);
    expect(unknown.status()).toBe(404);
    await Promise.all([page.context().close(), stranger.close()]);
  });
});
