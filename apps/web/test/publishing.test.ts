import { fleetprompt, WhsClient } from "@whs/api";
import { signUp } from "@whs/stack/testing";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf, examine, visit } from "./browser.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { createPublisher, deploySource, publish } from "./offers.ts";
import { CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

/** One black pixel. */
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb();
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name }).waitFor();

describe("a publisher", () => {
  test("becomes one, publishes a release of an own deployment that another person installs, and revokes it", async () => {
    const person = await signUp(web.stack.endpoints);
    await deploySource(person, "haiku-source");
    const page = await web.openAs(person);
    const complaints = complaintsOf(page);
    await visit(page, `${web.url}/agents`);
    await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Publishing" }).click();
    await heading(page, "Become a publisher");
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
    await page.getByRole("link", { name: "Edit" }).click();
    await heading(page, "Edit Haiku writer");
    expect(await page.getByLabel("Tags").inputValue()).toBe("poems, short");
    await page.getByLabel("Summary").fill("Writes one haiku.");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("The listing is saved.").waitFor();
    await page.getByText("Writes one haiku.").waitFor();

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
    expect(await survey(page, page.url(), "own-listing", CONSOLE_SCRIPT_BYTES)).toEqual([]);

    const buyer = await web.openSignedIn();
    await visit(buyer, `${web.url}/marketplace/listings/${listingId}`);
    await buyer.getByRole("img", { name: "A dot" }).waitFor();
    await buyer.getByRole("link", { name: "Install", exact: true }).click();
    await buyer.getByRole("button", { name: "Install release 1.0.0" }).click();
    await heading(buyer, "Haiku-writer");

    await page.getByRole("button", { name: "Remove picture 1" }).click();
    await page.getByText("The picture is removed.").waitFor();
    expect(await page.getByRole("img", { name: "A dot" }).count()).toBe(0);
    await page.getByRole("link", { name: "Revoke release 1.0.0" }).click();
    await heading(page, "Revoke a release of Haiku writer?");
    await page.getByLabel("Reason").fill("Nineteen syllables");
    await page.getByRole("button", { name: "Revoke for good" }).click();
    await page.getByText("Nineteen syllables").waitFor();
    await visit(page, `${web.url}/publisher`);
    expect(await page.getByRole("row", { name: /Haiku writer/ }).isVisible()).toBe(true);
    const seen = await buyer.context().request.get(`${web.url}/publisher/listings/${listingId}`);
    expect(seen.status()).toBeGreaterThanOrEqual(403);
    expect(complaints).toEqual([]);
    await Promise.all([page.context().close(), buyer.context().close()]);
  });
});

describe("those who look after the marketplace", () => {
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

    const person = await signUp(web.stack.endpoints);
    const page = await web.openAs(person);
    const baseUrl = web.stack.endpoints.fleetprompt ?? "";
    await new WhsClient({ baseUrl, token: person.jwt }).call(fleetprompt.getOwnAccount, {});
    const operator = new WhsClient({ baseUrl, token: web.stack.secrets.WHS_OPERATOR_TOKEN });
    await operator.call(fleetprompt.changeRole, { emailOrExternalId: person.email, body: { role: "admin", grant: true } });
    await visit(page, `${web.url}/publisher`);
    await page.getByRole("link", { name: "Moderation" }).click();
    await page.getByText("It shouts.").waitFor();
    expect(await examine(page)).toEqual([]);
    const statusNow = async () => (await fetch(`${web.url}/marketplace/listings/${listingId}`)).status;
    for (const [button, said, status] of [
      ["Suspend", "suspended", 404],
      ["Restore", "restored", 200],
    ] as const) {
      await visit(page, `${web.url}/admin/moderation?listingId=${listingId}`);
      await page.getByLabel("Reason").fill("Too loud for others.");
      await page.getByRole("button", { name: button }).click();
      await page.getByText(`Listing ${listingId} is ${said}.`).waitFor();
      await expect.poll(statusNow, { timeout: 30_000 }).toBe(status);
    }
    await Promise.all([reporter, page].map((opened) => opened.context().close()));
  });
});
