/** The corpus in a real browser: what the service answers, put into a page as it is, without any policy that would help. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace } from "./harness.ts";
import { draft, releaseBody } from "./offers.ts";
import { xssCorpus } from "@whs/stack/xss-corpus";

let market: TestMarketplace;
let profileDir: string;
beforeAll(async () => {
  market = await startMarketplace();
  profileDir = await mkdtemp(path.join(tmpdir(), "fleetprompt-browser-"));
});
afterAll(async () => {
  await market.close();
  await rm(profileDir, { recursive: true, force: true });
});

const browsers = [
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The page's document, after it was loaded and its scripts have run. */
async function open(url: string): Promise<string> {
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    `--user-data-dir=${profileDir}`,
    "--virtual-time-budget=4000",
    "--dump-dom",
    url,
  ];
  for (const browser of browsers) {
    try {
      return (await promisify(execFile)(browser, flags, { maxBuffer: 64 * 1024 * 1024 })).stdout;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
  throw new Error("This test needs Chromium or Chrome");
}

/** A page with pieces of HTML. It notes calls of `xss`, and its server notes what it asks for beside itself. */
async function show(pieces: readonly string[]): Promise<{ dom: string; asked: string[] }> {
  const asked: string[] = [];
  const page = `<!doctype html><meta charset="utf-8"><title>calm</title>
    <script>window.xss = parent.xss = () => { document.title = "struck"; };</script>
    ${pieces.map((piece) => `<section>${piece}</section>`).join("\n")}
    <script>
      for (const element of document.querySelectorAll("section *"))
        for (const type of ["mouseover", "click", "focus", "toggle", "error", "load"])
          if (type !== "click" || element.tagName !== "A") element.dispatchEvent(new Event(type));
      for (const link of document.querySelectorAll("a")) if (!link.href.startsWith("https://")) link.click();
    </script>`;
  const server = createServer((request, response) => {
    if (request.url !== "/" && request.url !== "/favicon.ico") asked.push(request.url ?? "");
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(request.url === "/" ? page : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const dom = await open(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  server.closeAllConnections();
  server.close();
  return { dom, asked };
}

it("runs nothing of what publishers write, and asks nobody for anything", async () => {
  const publisher = await market.publisher();
  const pieces: string[] = [];
  for (let start = 0; start < xssCorpus.length; start += 12) {
    const markdown = xssCorpus
      .slice(start, start + 12)
      .filter((text) => !text.includes("\0"))
      .join("\n\n");
    const listingId = await draft(publisher, { description: { format: "markdown", markdown } });
    const notes = { format: "markdown", markdown };
    const { body } = await publisher.request<{ release: { releaseId: string } }>(
      "POST",
      `/v1/publisher/listings/${listingId}/releases`,
      releaseBody("1.0.0", { notes }),
    );
    await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
    const detail = await market.anyone<{ listingDetail: { description: { html: string } } }>("GET", `/v1/public/listings/${listingId}`);
    const release = await market.anyone<{ release: { notes: { html: string } } }>("GET", `/v1/public/releases/${body.release.releaseId}`);
    pieces.push(detail.body.listingDetail.description.html, release.body.release.notes.html);
  }
  await publisher.request("POST", "/v1/publisher/profile", {
    displayName: "<img src=x onerror=xss()>",
    bioMarkdown: xssCorpus.slice(0, 20).join("\n\n"),
  });
  const profile = await market.anyone<{ publisher: { bio: { html: string } } }>("GET", `/v1/public/publishers/${publisher.publisherId}`);
  pieces.push(profile.body.publisher.bio.html);
  const { dom, asked } = await show(pieces);
  expect(dom).toContain("<title>calm</title>");
  expect(asked).toEqual([]);
  expect(pieces.join("")).not.toMatch(/<(img|script|svg|iframe|style|form|input|object|embed|link|meta|base|math)\b/i);
}, 90_000);

it("would be struck by the same texts if they were put into a page as they are", async () => {
  const { dom } = await show(xssCorpus.slice(0, 12));
  expect(dom).toContain("<title>struck</title>");
}, 90_000);
