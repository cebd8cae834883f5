import { xssCorpus } from "@whs/stack/xss-corpus";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { complaintsOf } from "./browser.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { createDraft, createPublisher, publish, type Publisher, publishRelease, setStatus } from "./offers.ts";
import { survey } from "./survey.ts";

let web: WebHarness;
let publisher: Publisher;
let mailId: string;
const hidden: Record<string, string> = {};

beforeAll(async () => {
  web = await startWeb();
  publisher = await createPublisher(web.stack, "Mail Makers", "Writes **mail** agents.");
  mailId = await publish(
    publisher,
    {
      name: "Mail sorter",
      summary: "Sorts a mailbox by what the mail is about.",
      markdown:
        "## What it does\n\nIt *sorts*. See [its pages](https://example.com/mail).\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n```\ncode\n```",
      tags: ["mail", "sorting"],
      categories: ["office"],
    },
    { notes: "The **first** one." },
  );
  await publishRelease(publisher, mailId, "99.0.0", { notes: "Far ahead.", minWHSVersion: "98.0.0" });
  hidden["draft"] = await createDraft(publisher, { name: "Secret draft" });
  hidden["unlisted"] = await publish(publisher, { name: "Taken off the lists" });
  await setStatus(publisher, hidden["unlisted"], "unlisted");
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

const textOf = (page: Page): Promise<string> => page.locator("main").innerText();

describe("a visitor", () => {
  test("finds a listing, its releases and its publisher with script switched off, and search engines are told of each", async () => {
    const page = await web.open({ javaScriptEnabled: false });
    await page.goto(web.url);
    await page.getByRole("link", { name: "Marketplace" }).click();
    await page.getByRole("heading", { name: "Newest" }).waitFor();
    await page.getByLabel("Search the marketplace").fill("mailbx");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("heading", { level: 1, name: "Listings for “mailbx”" }).waitFor();
    expect(await page.locator('meta[name="robots"]').getAttribute("content")).toBe("noindex, follow");
    await page
      .getByRole("complementary", { name: "Narrow the search" })
      .getByRole("link", { name: /^sorting/ })
      .click();
    await page.getByRole("link", { name: "Remove Tag: sorting" }).waitFor();
    expect(new URL(page.url()).searchParams.get("tags")).toBe("sorting");

    await page.getByRole("link", { name: "Mail sorter" }).click();
    await page.getByRole("heading", { level: 1, name: "Mail sorter" }).waitFor();
    expect(await page.locator('link[rel="canonical"]').getAttribute("href")).toBe(`${web.url}/marketplace/listings/${mailId}`);
    expect(await page.locator('meta[name="description"]').getAttribute("content")).toBe("Sorts a mailbox by what the mail is about.");
    expect(await page.getByRole("heading", { level: 2, name: "What it does" }).isVisible()).toBe(true);
    expect(await page.getByRole("link", { name: "its pages" }).getAttribute("rel")).toBe("noopener noreferrer nofollow ugc");
    expect(await page.getByText("Far ahead.").isVisible()).toBe(true);
    await page.getByRole("link", { name: "1.0.0" }).click();
    await page.getByText("The first one.").waitFor();

    await page.getByRole("link", { name: "Mail Makers" }).click();
    await page.getByRole("heading", { level: 1, name: "Mail Makers" }).waitFor();
    expect(await page.getByText("Writes mail agents.").isVisible()).toBe(true);
    expect(await page.getByRole("link", { name: "Mail sorter" }).isVisible()).toBe(true);
    await page.goto(`${web.url}/marketplace/search?q=nothing-is-called-so`);
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    await page.context().close();
  });

  test("sees nothing but what is published", async () => {
    const page = await web.open({ javaScriptEnabled: false });
    for (const [status, listingId] of Object.entries(hidden)) {
      const answer = await page.goto(`${web.url}/marketplace/listings/${listingId}`);
      expect([status, answer?.status()]).toEqual([status, 404]);
    }
    for (const path of ["/marketplace", "/marketplace/search", `/marketplace/publishers/${publisher.publisherId}`]) {
      await page.goto(`${web.url}${path}`);
      const text = await textOf(page);
      expect(text).toContain("Mail sorter");
      expect(text).not.toMatch(/Secret draft|Taken off the lists/);
    }
    await page.context().close();
  });

  test("pages through what a search has found, each listing once", async () => {
    const many = await createPublisher(web.stack, "Many Makers");
    await Promise.all(Array.from({ length: 26 }, (_, index) => publish(many, { name: `Paged ${index}`, tags: ["paged"] })));
    const page = await web.open({ javaScriptEnabled: false });
    await page.goto(`${web.url}/marketplace/search?tags=paged&sort=name`);
    const names = () => page.getByRole("link", { name: /^Paged/ }).allInnerTexts();
    const first = await names();
    await page.getByRole("link", { name: "Next page" }).click();
    await page.getByRole("link", { name: "First page" }).waitFor();
    const second = await names();
    expect([first.length, second.length, new Set([...first, ...second]).size]).toEqual([24, 2, 26]);
    await page.context().close();
  });

  test("finds every page accessible in both themes, on every screen, steady, without script, and without a complaint", async () => {
    const page = await web.open();
    const complaints = complaintsOf(page);
    const pages = {
      marketplace: "/marketplace",
      search: "/marketplace/search?tags=mail",
      listing: `/marketplace/listings/${mailId}`,
      publisher: `/marketplace/publishers/${publisher.publisherId}`,
    };
    const surveyed: Record<string, string[]> = {};
    for (const [name, path] of Object.entries(pages)) surveyed[name] = await survey(page, `${web.url}${path}`, name, 0);
    expect(Object.entries(surveyed).filter(([, findings]) => findings.length > 0)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

describe("what publishers write", () => {
  test("runs nothing, asks nobody for anything and sends nowhere, wherever it is shown", async () => {
    const page = await web.open();
    const requests: string[] = [];
    const struck: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("dialog", (dialog) => {
      struck.push(dialog.message());
      void dialog.dismiss();
    });
    await page.exposeFunction("xss", () => struck.push("called"));
    const complaints = complaintsOf(page);
    const markdown = (texts: readonly string[]): string => texts.filter((text) => !text.includes("\0")).join("\n\n");
    const half = Math.ceil(xssCorpus.length / 2);
    const evil = await createPublisher(web.stack, "<img src=x onerror=xss()>", markdown(xssCorpus.slice(0, half)));
    const listingIds = await Promise.all(
      [xssCorpus.slice(0, half), xssCorpus.slice(half)].map((texts, index) =>
        publish(
          evil,
          {
            name: `<script>xss()</script> ${index}`,
            summary: "<svg onload=xss()>",
            markdown: markdown(texts),
            tags: ["<img src=x onerror=xss()>"],
          },
          { notes: markdown(texts) },
        ),
      ),
    );
    const paths = [...listingIds.map((id) => `/marketplace/listings/${id}`), `/marketplace/publishers/${evil.publisherId}`, "/marketplace"];
    let shown = 0;
    for (const path of paths) {
      await page.goto(`${web.url}${path}`, { waitUntil: "networkidle" });
      shown += await page.locator(".prose").count();
      await provoke(page);
      expect(await page.locator(".prose :is(script, img, svg, iframe, object, embed, form, input, style, link, meta, base)").count()).toBe(
        0,
      );
    }
    // Description and notes of both listings, and the bio.
    expect(shown).toBe(5);
    expect(struck).toEqual([]);
    expect(requests.filter((url) => new URL(url).origin !== web.url)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});

/** What people do with a page, to every element: those that wait for it would act now. */
async function provoke(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const element of document.querySelectorAll("main *")) {
      for (const type of ["mouseover", "focus", "toggle", "error", "load"]) element.dispatchEvent(new Event(type));
      for (const { name, value } of element.attributes)
        if (name.startsWith("on") || /^\s*javascript:/i.test(value)) throw new Error(`${element.tagName} has ${name}=${value}`);
    }
  });
}
