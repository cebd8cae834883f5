/** The whole constellation and a browser, for one test file. */
import { FREE_PORTS, type ProcessName, type Stack, startStack } from "@whs/stack";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openPage } from "./browser.ts";

/** Starting everything, and building the app where nobody has done so yet. */
export const START_TIMEOUT_MS = 180_000;
const PASSWORD = "correct horse battery";

export interface WebHarness {
  /** Address of the web app. */
  url: string;
  stack: Stack;
  browser: Browser;
  /** A page of a new visitor. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** A page of the one person whom all tests of the file share: signed up, signed in, at the list of agents. */
  openSignedIn(options?: BrowserContextOptions): Promise<Page>;
  stop(): Promise<void>;
}

/** Use it in `beforeAll(…, START_TIMEOUT_MS)`, and `stop` in `afterAll`. */
export async function startWeb(
  processes: readonly ProcessName[] = ["identity", "whs", "web"],
  environment: Record<string, string> = {},
): Promise<WebHarness> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-web-"));
  const [stack, browser] = await Promise.all([
    startStack({ dataDir, ports: FREE_PORTS, processes, environment: { ...process.env, ...environment } }),
    launchBrowser(),
  ]);
  const url = stack.endpoints.web ?? "";
  let person: Promise<StorageState> | undefined;
  return {
    url,
    stack,
    browser,
    open: (options) => openPage(browser, options),
    async openSignedIn(options) {
      person ??= signUpOnce(browser, url);
      const page = await openPage(browser, { ...options, storageState: await person });
      await page.goto(`${url}/agents`);
      return page;
    },
    async stop() {
      await browser.close();
      await stack.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

type StorageState = Awaited<ReturnType<BrowserContext["storageState"]>>;

async function signUpOnce(browser: Browser, url: string): Promise<StorageState> {
  const page = await openPage(browser);
  await signUp(page, url);
  const state = await page.context().storageState();
  await page.context().close();
  return state;
}

export interface Credentials {
  email: string;
  password: string;
}

/** Signs a new person up in the browser, by the pages alone; ends at the list of agents. */
export async function signUp(page: Page, url: string): Promise<Credentials> {
  const email = `${randomBytes(6).toString("hex")}@example.com`;
  await page.goto(`${url}/sign-up`);
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign up" }).click();
  await page.waitForURL(`${url}/agents`);
  return { email, password: PASSWORD };
}

/** Signs in somebody who has signed up elsewhere, by default with the password of all people of tests; ends at the list of agents. */
export async function signIn(page: Page, url: string, email: string, password = PASSWORD): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${url}/agents`);
}
