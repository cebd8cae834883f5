/** The system's Chromium, and what every page is examined for. */
import axe from "axe-core";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page, type Response } from "playwright-core";

const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const OTHER_PLACES = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** On a busy machine a page takes its time; what never comes fails all the same. */
const PATIENCE_MS = 30_000;
/** Of pages that are examined; what is too wide for the phone is too wide. */
const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 800 };

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findChromium(), args: FLAGS, headless: true, timeout: 60_000 });
}

/** A page of a person of their own, with nothing stored. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  context.setDefaultNavigationTimeout(PATIENCE_MS);
  return context.newPage();
}

/** Collects, from now on, what the page complains about: errors of scripts and of the console, breaches of the policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${message.type()}: ${message.text()}`);
  });
  return complaints;
}

declare global {
  interface Window {
    axe?: typeof axe;
  }
}

/** Goes to a page and waits until its scripts have taken it over: what is typed, dropped or clicked from then on counts. */
export async function visit(page: Page, url: string): Promise<Response | null> {
  const response = await page.goto(url);
  await takenOver(page);
  return response;
}

/** React marks the elements that it has taken over; and nothing stands in any more for what is still on its way. */
export async function takenOver(page: Page): Promise<void> {
  await page.waitForFunction(
    () =>
      document.querySelector('script[type="module"]') === null ||
      (Object.keys(document.querySelector("#main") ?? {}).some((key) => key.startsWith("__reactFiber$")) &&
        document.querySelector("main .animate-pulse") === null),
  );
}

/**
 * What axe finds on a desktop in the light and on a phone in the dark, and whether the page is wider than those. Empty when all
 * is well. @param seen is called in each theme while the page is as on a desktop
 */
export async function examine(page: Page, seen?: (theme: "light" | "dark") => Promise<void>): Promise<string[]> {
  const before = page.viewportSize();
  // While data is loaded again the page is neither what it was nor what it will be.
  await page.getByRole("progressbar", { name: "Loading" }).waitFor({ state: "detached" });
  await page.setViewportSize(DESKTOP);
  await showAs(page, "light");
  await seen?.("light");
  const findings = [...(await overflowOf(page)), ...(await violationsOf(page, "desktop, light"))];
  await showAs(page, "dark");
  await seen?.("dark");
  await page.setViewportSize(PHONE);
  findings.push(...(await overflowOf(page)), ...(await violationsOf(page, "phone, dark")));
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before !== null) await page.setViewportSize(before);
  return findings;
}

/** In that theme, with nothing on its way from one colour to another. */
async function showAs(page: Page, colorScheme: "light" | "dark"): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
}

/** The page itself must not scroll sideways; what is wide scrolls in its own frame. */
export function overflowOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return overflow > 0 ? [`${innerWidth} px: the page is ${overflow} px too wide`] : [];
  });
}

/** There are no frames to look into, and so axe is needed once a document. */
async function violationsOf(page: Page, setting: string): Promise<string[]> {
  if (await page.evaluate(() => window.axe === undefined)) await page.evaluate(axe.source);
  return page.evaluate(async (at) => {
    const found = await window.axe?.run(document, { resultTypes: ["violations"] });
    if (found === undefined) throw new Error("There is no axe.");
    return found.violations.map(({ id, nodes }) => `${at}: ${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
  }, setting);
}

function findChromium(): string {
  const directories = (process.env["PATH"] ?? "").split(path.delimiter);
  const candidates = [...COMMANDS.flatMap((command) => directories.map((directory) => path.join(directory, command))), ...OTHER_PLACES];
  const found = candidates.find(isExecutable);
  if (found === undefined) throw new Error("Cannot find Chromium or Chrome; npm test installs it or says how.");
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
