import { fleetprompt, WhsClient } from "@whs/api";
import { signIn } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine } from "./browser.ts";
import { signUp, START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { createPublisher, deploySource, publish } from "./offers.ts";

/** One black pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb(["identity", "supervisor", "whs", "fleetprompt", "web"]);
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name }).waitFor();

describe("a publisher", { timeout: 180_000 }, () => {
  test("becomes one, publishes a release of an own deployment that another person installs, and revokes it", async () => {
    const page = await web.open();
    const person = await signIn(web.stack.endpoints, await signUp(page, web.url));
    await deploySource(person, "haiku-source");
    const complaints = complaintsOf(page);
    await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Publishing" }).click();
    await heading(page, "Become a publisher");
    expect(await examine(page)).toEqual([]);
    await page.getByLabel("Name of the publisher").fill("Haiku House");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("link", { name: "Create listing" }).click();

    await page.getByLabel("Name", { exact: true }).fill("Haiku writer");
    await page.getByLabel("Summary").fill("Writes a haiku.");
    await page
      .getByRole("textbox", { name: "Description" })
      .fill("**Seventeen** syllables <img src=x onerror=alert(1)> [x](javascript:alert(1))");
    const preview = page.getByRole("region", { name: "Preview of the description" });
    await preview.getByText("Seventeen syllables").waitFor();
    expect(await preview.locator("strong").innerText()).toBe("Seventeen");
    expect(await preview.locator("img, a").count()).toBe(0);
    await page.getByLabel("Tags").fill("poems, short");
    expect(await examine(page)).toEqual([]);
    await page.getByRole("button", { name: "Create listing" }).click();
    await heading(page, "Haiku writer");
    const listingId = new URL(page.url()).pathname.split("/").at(-1) ?? "";

    await page.getByRole("button", { name: "Publish" }).click();
    expect(await page.getByRole("alert").innerText()).toMatch(/release/);
    await page.getByRole("link", { name: "Publish a release" }).click();
    await page.getByLabel("Version", { exact: true }).fill("1.0.0");
    await page.getByRole("textbox", { name: "Notes" }).fill("The first one.");
    expect(await examine(page)).toEqual([]);
    await page.getByRole("button", { name: "Publish release" }).click();
    await page.getByText("Release 1.0.0 is published.").waitFor();
    await page
      .getByLabel("Picture", { exact: true })
      .setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") });
    await page.getByLabel("What it shows").fill("A dot");
    await page.getByRole("button", { name: "Add picture" }).click();
    await page.getByRole("img", { name: "A dot" }).waitFor();
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.getByText("The listing is published.").waitFor();
    expect(await examine(page)).toEqual([]);

    const buyer = await web.openSignedIn();
    await buyer.goto(`${web.url}/marketplace/listings/${listingId}`);
    await buyer.getByRole("img", { name: "A dot" }).waitFor();
    await buyer.getByRole("link", { name: "Install", exact: true }).click();
    await buyer.getByRole("button", { name: "Install release 1.0.0" }).click();
    await heading(buyer, "Haiku-writer");

    await page.getByRole("link", { name: "Revoke release 1.0.0" }).click();
    await heading(page, "Revoke a release of Haiku writer?");
    expect(await examine(page)).toEqual([]);
    await page.getByLabel("Reason").fill("Nineteen syllables");
    await page.getByRole("button", { name: "Revoke for good" }).click();
    await page.getByText("Nineteen syllables").waitFor();
    await page.goto(`${web.url}/publisher`);
    expect(await page.getByRole("row", { name: /Haiku writer/ }).isVisible()).toBe(true);
    expect((await buyer.goto(`${web.url}/publisher/listings/${listingId}`))?.status()).toBeGreaterThanOrEqual(403);
    expect(complaints).toEqual([]);
    await Promise.all([page.context().close(), buyer.context().close()]);
  });
});

describe("those who look after the marketplace", { timeout: 180_000 }, () => {
  test("see what was reported, take a listing away and give it back; nobody else may", async () => {
    const listingId = await publish(await createPublisher(web.stack, "Loud Makers"), { name: "Too loud" });
    const reporter = await web.openSignedIn({ javaScriptEnabled: false });
    await reporter.goto(`${web.url}/marketplace/listings/${listingId}`);
    await reporter.getByText("Report this listing").click();
    await reporter.getByLabel("What is wrong with it?").fill("It shouts.");
    await reporter.getByRole("button", { name: "Send the report" }).click();
    await reporter.getByText("The report is with those who look after the marketplace.").waitFor();
    expect((await reporter.goto(`${web.url}/admin/moderation`))?.status()).toBe(403);
    await heading(reporter, "Not allowed");

    const page = await web.open();
    const person = await signIn(web.stack.endpoints, await signUp(page, web.url));
    const baseUrl = web.stack.endpoints.fleetprompt ?? "";
    await new WhsClient({ baseUrl, token: person.jwt }).call(fleetprompt.getOwnAccount, {});
    const operator = new WhsClient({ baseUrl, token: web.stack.secrets.WHS_OPERATOR_TOKEN });
    await operator.call(fleetprompt.changeRole, { emailOrExternalId: person.email, body: { role: "admin", grant: true } });
    await page.goto(`${web.url}/publisher`);
    await page.getByRole("link", { name: "Moderation" }).click();
    await page.getByText("It shouts.").waitFor();
    expect(await examine(page)).toEqual([]);
    const visitor = await web.open({ javaScriptEnabled: false });
    const statusNow = async () => (await visitor.goto(`${web.url}/marketplace/listings/${listingId}`))?.status();
    for (const [button, said, status] of [
      ["Suspend", "suspended", 404],
      ["Restore", "restored", 200],
    ] as const) {
      await page.goto(`${web.url}/admin/moderation?listingId=${listingId}`);
      await page.getByLabel("Reason").fill("Too loud for others.");
      await page.getByRole("button", { name: button }).click();
      await page.getByText(`Listing ${listingId} is ${said}.`).waitFor();
      await expect.poll(statusNow, { timeout: 30_000 }).toBe(status);
    }
    await Promise.all([reporter, page, visitor].map((opened) => opened.context().close()));
  });
});
