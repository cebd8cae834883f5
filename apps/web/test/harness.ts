/** The run's constellation, and a browser for one test file. */
import type { Endpoints } from "@whs/stack";
import { type Person, signUp as signUpElsewhere } from "@whs/stack/testing";
import { existsSync, readFileSync } from "node:fs";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { inject, vi } from "vitest";
import { launchBrowser, openPage } from "./browser.ts";
import type { StartedStack } from "./global-setup.ts";

/** Starting everything, and building the app where nobody has done so yet. */
export const START_TIMEOUT_MS = 180_000;
const PASSWORD = "correct horse battery";

export interface WebHarness {
  /** Address of the web app. */
  url: string;
  /** Shared by all files: what one makes others may find in lists that are public. */
  stack: Exclude<StartedStack, { failure: string }>;
  browser: Browser;
  /** A page of a new visitor. */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** The one person whom all tests of the file share. */
  person(): Promise<Person>;
  /** A page of theirs: signed in, and nowhere yet. */
  openSignedIn(options?: BrowserContextOptions): Promise<Page>;
  /** The same of somebody else who has signed up over the API. */
  openAs(person: { email: string }, options?: BrowserContextOptions): Promise<Page>;
  stop(): Promise<void>;
}

/** Use it in `beforeAll(…, START_TIMEOUT_MS)`, and `stop` in `afterAll`. */
export async function startWeb(): Promise<WebHarness> {
  const [stack, browser] = await Promise.all([startedStack(), launchBrowser()]);
  const url = stack.endpoints.web ?? "";
  const openAs: WebHarness["openAs"] = async ({ email }, options) => {
    const page = await openPage(browser, options);
    await enter(page.context(), stack.endpoints, email);
    return page;
  };
  let signedUp: Promise<Person> | undefined;
  const person = (): Promise<Person> => (signedUp ??= signUpElsewhere(stack.endpoints));
  let state: Promise<StorageState> | undefined;
  const signInOnce = async (): Promise<StorageState> => {
    const page = await openAs(await person());
    const kept = await page.context().storageState();
    await page.context().close();
    return kept;
  };
  return {
    url,
    stack,
    browser,
    open: (options) => openPage(browser, options),
    openAs,
    person,
    openSignedIn: async (options) => openPage(browser, { ...options, storageState: await (state ??= signInOnce()) }),
    stop: () => browser.close(),
  };
}

/** Whoever comes first waits until it is there. */
async function startedStack(): Promise<WebHarness["stack"]> {
  const file = inject("webStackFile");
  await vi.waitUntil(() => existsSync(file), { timeout: START_TIMEOUT_MS, interval: 50 });
  const started = JSON.parse(readFileSync(file, "utf8")) as StartedStack;
  if ("failure" in started) throw new Error(started.failure);
  return started;
}

type StorageState = Awaited<ReturnType<BrowserContext["storageState"]>>;

/** Signs in without a page: the context has the cookies that forms would have left. */
async function enter({ request }: BrowserContext, { identity, web }: Endpoints, email: string): Promise<void> {
  const entered = await request.post(`${identity}/api/auth/sign-in/email`, { data: { email, password: PASSWORD } });
  if (!entered.ok()) throw new Error(`The sign-in of ${email} answers ${entered.status()}: ${await entered.text()}`);
  // On a very busy machine the app may give up on the identity service, and ask to be asked again.
  const arrive = async (): Promise<void> => {
    const arrived = await request.get(`${web}/sign-in`);
    if (arrived.url() !== `${web}/agents`) throw new Error(`The sign-in of ${email} ends at ${arrived.url()} with ${arrived.status()}.`);
  };
  await vi.waitFor(arrive, { timeout: START_TIMEOUT_MS, interval: 500 });
}

/** Signs in somebody who has signed up elsewhere, by default with the password of all people of tests; ends at the list of agents. */
export async function signIn(page: Page, url: string, email: string, password = PASSWORD): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${url}/agents`);
}
