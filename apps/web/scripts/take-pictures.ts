/**
 * Takes the pictures of README.md into docs/pictures: key pages with the data of `npm start -- --demo`, in both themes.
 * It starts a stack of its own in a temporary folder. Run `node apps/web/scripts/take-pictures.ts`, and look at them before
 * they are committed.
 */
import { FREE_PORTS, startStack } from "@whs/stack";
import { fillDemo } from "@whs/stack/demo";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright-core";
import { launchBrowser, openPage } from "../test/browser.ts";
import { signIn } from "../test/harness.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../../docs/pictures");
const SIZE = { width: 1280, height: 800 };
/** Pictures stay in the repository for good. */
const LARGEST_BYTES = 150 * 1024;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

const dataDir = await mkdtemp(path.join(tmpdir(), "whs-pictures-"));
const [stack, browser] = await Promise.all([startStack({ dataDir, ports: FREE_PORTS, environment: process.env }), launchBrowser()]);
try {
  const { email, password } = await fillDemo({ stack, say });
  const url = stack.endpoints.web;
  if (url === undefined) throw new Error("This installation has no web app.");
  await mkdir(FOLDER, { recursive: true });
  const page = await openPage(browser, { viewport: SIZE, reducedMotion: "reduce" });
  await signIn(page, url, email, password);
  await talk(page);
  await take(page, "playground", "dark");
  await page.getByRole("link", { name: "Metrics" }).click();
  await page.locator("[data-chart=requests] .recharts-bar-rectangle path").first().waitFor();
  await take(page, "metrics", "light");
  await page.goto(`${url}/usage`);
  await take(page, "usage", "light");
  await page.goto(`${url}/marketplace`);
  await page.getByRole("link", { name: "streaming-writer" }).first().click();
  await page.getByRole("heading", { level: 1, name: "streaming-writer" }).waitFor();
  await take(page, "listing", "dark");
} finally {
  await browser.close();
  await stack.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** Ends at a conversation in the playground of an agent that keeps a session. */
async function talk(page: Page): Promise<void> {
  await page.getByRole("link", { name: "session-counter" }).click();
  await page.getByRole("link", { name: "Playground" }).click();
  for (const text of ["I would like to plan a trip", "To the mountains, by train"]) {
    await page.getByLabel("Message").fill(text);
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "The agent has answered" }).waitFor({ state: "attached" });
  }
}

async function take(page: Page, name: string, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.evaluate(() => scrollTo(0, 0));
  const file = path.join(FOLDER, `${name}.png`);
  await page.screenshot({ path: file });
  const { size } = await stat(file);
  say(`${file}: ${Math.ceil(size / 1024)} KB`);
  if (size > LARGEST_BYTES) throw new Error(`${file} is larger than ${LARGEST_BYTES / 1024} KB.`);
}
