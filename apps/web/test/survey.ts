/**
 * What a first visit to a page costs and how it looks, kept in `test-results/`: pictures in both themes and on a phone, and
 * figures of Chromium itself.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { CDPSession, Page } from "playwright-core";
import { examine, overflowOf, visit } from "./browser.ts";

const FOLDER = path.resolve(import.meta.dirname, "../test-results");
/** The limit of a good page by Core Web Vitals. */
const LARGEST_LAYOUT_SHIFT = 0.1;
/** Processor time of the page's main thread, which others on the machine hardly change: some ten times what pages need. */
const MOST_PROCESSOR_MS = 3_000;
const LARGEST_SCREEN = { width: 3840, height: 800 };
/** What the first page of the console loads; a public page loads none. */
export const CONSOLE_SCRIPT_BYTES = 125 * 1024;
/** And with what draws charts. */
export const CHARTS_SCRIPT_BYTES = 220 * 1024;
/** Lines of text are no longer than this on any screen. */
const WIDEST_CONTENT_PX = 2_000;

interface Figures {
  /** Sum of all shifts that nobody's input has caused (CLS without its windows of time). */
  layoutShift: number;
  /** What has moved, for whoever must mend it. */
  shifted: string[];
  /** Tasks of more than 50 ms; depends on what else the machine does, and is therefore only recorded. */
  longTasksMs: number[];
  largestContentfulPaintMs: number | null;
  processorMs: number;
  /** As transferred. */
  scriptBytes: number;
  pageBytes: number;
}

/** @param mostScriptBytes of a first visit, as transferred @returns what is wrong with the page at `url`; empty when all is well */
export async function survey(page: Page, url: string, name: string, mostScriptBytes: number): Promise<string[]> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  await visit(page, url);
  const figures = { ...(await figuresOf(page)), processorMs: await processorMsOf(devtools) };
  await devtools.detach();
  const findings: string[] = [];
  if (figures.layoutShift > LARGEST_LAYOUT_SHIFT) findings.push(`shifts by ${figures.layoutShift}: ${figures.shifted.join(" | ")}`);
  if (figures.processorMs > MOST_PROCESSOR_MS) findings.push(`takes ${figures.processorMs} ms of processor time`);
  if (figures.scriptBytes > mostScriptBytes) findings.push(`loads ${figures.scriptBytes} bytes of script`);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`);
  const takePicture = async (theme: string): Promise<void> =>
    void (await page.screenshot({ path: path.join(FOLDER, `${name}.${theme}.png`) }));
  findings.push(...(await examine(page, takePicture)));
  const before = page.viewportSize();
  await page.setViewportSize(LARGEST_SCREEN);
  findings.push(...(await overflowOf(page)), ...(await widthOf(page)));
  if (before !== null) await page.setViewportSize(before);
  return findings;
}

async function figuresOf(page: Page): Promise<Omit<Figures, "processorMs">> {
  return page.evaluate(async () => {
    // Two frames: the last change has been laid out.
    for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
    const entriesOf = (type: string): PerformanceEntry[] => {
      const observer = new PerformanceObserver(() => undefined);
      observer.observe({ type, buffered: true });
      const entries = observer.takeRecords();
      observer.disconnect();
      return entries;
    };
    type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node: Node | null }[] };
    const shifts = (entriesOf("layout-shift") as Shift[]).filter(({ hadRecentInput }) => !hadRecentInput);
    const nameOf = (node: Node | null): string => (node instanceof Element ? node.outerHTML.slice(0, 120) : (node?.textContent ?? "gone"));
    const [document_] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
    const files = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
    return {
      layoutShift: shifts.reduce((sum, { value }) => sum + value, 0),
      shifted: shifts.flatMap(({ sources }) => sources.map(({ node }) => nameOf(node))),
      longTasksMs: entriesOf("longtask").map(({ duration }) => Math.round(duration)),
      largestContentfulPaintMs: Math.round(entriesOf("largest-contentful-paint").at(-1)?.startTime ?? Number.NaN) || null,
      scriptBytes: files.filter((file) => new URL(file.name).pathname.endsWith(".js")).reduce((sum, file) => sum + file.encodedBodySize, 0),
      pageBytes: document_?.encodedBodySize ?? 0,
    };
  });
}

async function processorMsOf(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return Math.round((metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1000);
}

/** Nobody reads a line across a wall. */
function widthOf(page: Page): Promise<string[]> {
  return page.evaluate((widest) => {
    const { width } = document.querySelector("#main")?.getBoundingClientRect() ?? { width: 0 };
    return width > widest ? [`the content is ${width} px wide on ${innerWidth} px`] : [];
  }, WIDEST_CONTENT_PX);
}
