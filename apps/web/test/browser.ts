/** The system's Chromium, and what every page is examined for. */
import { AxeBuilder } from "@axe-core/playwright";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

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
const SETTINGS = [
  { width: 360, colorScheme: "dark" },
  { width: 1280, colorScheme: "light" },
] as const;

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

/** What axe finds on a phone in the dark and on a desktop in the light, and whether the page is wider than those. Empty when all is well. */
export async function examine(page: Page): Promise<string[]> {
  const findings: string[] = [];
  const before = page.viewportSize();
  for (const { width, colorScheme } of SETTINGS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (overflow > 0) findings.push(`${width} px: the page is ${overflow} px too wide`);
    // There are no frames to look into, and so no second page to open for each.
    const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
    for (const { id, nodes } of violations)
      findings.push(`${width} px, ${colorScheme}: ${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before !== null) await page.setViewportSize(before);
  return findings;
}

/** Bytes of script, as they were transferred, of a first visit to the page at `url`. */
export async function scriptBytesOf(browser: Browser, url: string): Promise<number> {
  const page = await openPage(browser);
  try {
    await page.goto(url, { waitUntil: "networkidle" });
    return await page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter((entry): entry is PerformanceResourceTiming => new URL(entry.name).pathname.endsWith(".js"))
        .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    );
  } finally {
    await page.context().close();
  }
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
