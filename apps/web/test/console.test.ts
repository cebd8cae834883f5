import { createAgent } from "@whs/api";
import { signUp } from "@whs/stack/testing";
import { createLogger } from "@whs/platform/log";
import { createRegistry } from "@whs/platform/metrics";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { APIRequestContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureBuilt } from "../src/build.ts";
import { readConfig } from "../src/config.ts";
import { createWebServer } from "../src/http/server.ts";
import { createSessions } from "../src/session/sessions.ts";
import { complaintsOf, examine, visit } from "./browser.ts";
import { START_TIMEOUT_MS, startWeb, type WebHarness } from "./harness.ts";
import { CONSOLE_SCRIPT_BYTES, survey } from "./survey.ts";

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb();
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

/** @returns the URL of the agent's page */
async function agentOf(name: string): Promise<string> {
  const { client } = await web.person();
  const { agent } = await client.call(createAgent, { body: { name, runtimeProvider: "cloudflare" } });
  return `${web.url}/agents/${agent.id}`;
}

/** Where a browser without pages is sent to, one after the other; the last one answers. */
async function follow(request: APIRequestContext, url: string): Promise<URL[]> {
  const at = [new URL(url)];
  for (;;) {
    const here = at.at(-1)?.href ?? "";
    const { location } = (await request.get(here, { maxRedirects: 0 })).headers();
    if (location === undefined) return at;
    at.push(new URL(location, here));
  }
}

/** Presses Tab until the focus is on what bears the name, and visible there. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = [];
  while (passed.length < 40) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!(element instanceof HTMLElement)) return { name: "", outline: "" };
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : undefined;
      return { name: element.ariaLabel ?? label ?? element.innerText, outline: getComputedStyle(element).outlineStyle };
    });
    passed.push(at.name);
    if (!name.test(at.name)) continue;
    expect(at.outline).toBe("solid");
    return;
  }
  throw new Error(`Nothing like ${name} among ${passed.join(", ")}`);
}

const focusOnContent = (page: Page) => page.waitForFunction(() => document.activeElement?.id === "main");

describe("a person", () => {
  test("signs up, creates an agent, finds it in the list, and signs out; nothing complains on the way", async () => {
    const page = await web.open();
    const complaints = complaintsOf(page);
    await page.goto(web.url);
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill("Grace Hopper");
    await page.getByLabel("E-mail address").fill(`${randomBytes(6).toString("hex")}@example.com`);
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.getByRole("heading", { name: "No agents yet" }).waitFor();
    expect(await examine(page)).toEqual([]);

    await page.getByRole("link", { name: "Create agent" }).click();
    await page.getByLabel("Name").fill("first-agent");
    expect(await page.getByLabel("Bedrock AgentCore").isDisabled()).toBe(true);
    expect(await page.getByText("Not part of the free plan").isVisible()).toBe(true);
    await page.getByRole("button", { name: "Create agent" }).click();
    await page.getByRole("heading", { level: 1, name: "first-agent" }).waitFor();
    await page.getByText("Agent first-agent is created.").waitFor();
    expect(await page.getByRole("region", { name: "cURL" }).textContent()).toContain(`${web.stack.endpoints.whs}/v1/invoke/agt_`);

    await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Agents" }).click();
    await page.getByRole("link", { name: "first-agent" }).waitFor();
    await page.getByLabel("Search").fill("nothing-like-it");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("heading", { name: "Nothing matches" }).waitFor();
    expect(new URL(page.url()).searchParams.get("search")).toBe("nothing-like-it");
    await page.goto(`${web.url}/agents?search=FIRST&status=created`);
    await page.getByRole("link", { name: "first-agent" }).waitFor();
    await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Agents" }).click();
    await page.waitForURL(`${web.url}/agents`);

    await page.getByRole("button", { name: "Account of Grace Hopper" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Create an account" }).waitFor();
    expect(complaints).toEqual([]);
    await page.goto(`${web.url}/agents`);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    expect(new URL(page.url()).origin).toBe(web.stack.endpoints.identity);
    await page.context().close();
  });

  test("does all of it by keyboard alone, and sees where they are", async () => {
    const page = await web.openSignedIn({ reducedMotion: "reduce" });
    await visit(page, `${web.url}/agents`);
    await tabTo(page, /^Skip to the content$/);
    const skip = await page.getByRole("link", { name: "Skip to the content" }).boundingBox();
    expect([(skip?.y ?? -1) >= 0, (skip?.width ?? 0) > 50]).toEqual([true, true]);
    await page.keyboard.press("Enter");
    await focusOnContent(page);
    await tabTo(page, /^Create agent$/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Create an agent" }).waitFor();
    await focusOnContent(page);
    await tabTo(page, /^Name$/);
    await page.keyboard.type("by-keyboard");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "by-keyboard" }).waitFor();
    await focusOnContent(page);

    await page.keyboard.press("Control+Home");
    await page.getByRole("link", { name: "WebHost Systems" }).focus();
    await tabTo(page, /^Account of/);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await tabTo(page, /^Sign out$/);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Sign out" }).waitFor({ state: "hidden" });
    expect(await page.evaluate(() => document.activeElement?.ariaLabel)).toMatch(/^Account of/);
    // Nothing moves for those who do not want it to.
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll("a, button")].filter(
        (element) => Number.parseFloat(getComputedStyle(element).transitionDuration) > 0.001,
      ),
    );
    expect(moving).toHaveLength(0);
    await page.context().close();
  });

  test("comes back after the sign-in to the page that was asked for", async () => {
    const page = await web.openSignedIn();
    await page.context().clearCookies({ name: "whs_session" });
    const passed = await follow(page.context().request, `${web.url}/agents/new?from=a-link`);
    expect(passed.map(({ origin, pathname }) => [origin, pathname])).toEqual([
      [web.url, "/agents/new"],
      [web.url, "/sign-in"],
      [web.stack.endpoints.identity, "/oauth/authorize"],
      [web.url, "/auth/callback"],
      [web.url, "/agents/new"],
    ]);
    expect(passed.at(-1)?.search).toBe("?from=a-link");
    await page.context().close();
  });

  test("sees what the API refuses at the field, and what is not there as a page with the status 404", async () => {
    const page = await web.openSignedIn();
    await agentOf("taken");
    await visit(page, `${web.url}/agents/new`);
    await page.getByLabel("Name").fill("taken");
    await page.getByRole("button", { name: "Create agent" }).click();
    expect(await page.getByRole("alert").textContent()).toMatch(/Trace trc_/);
    const missing = await visit(page, `${web.url}/agents/agt_01h455vb4pex5vsknk084sn02q`);
    expect([missing?.status(), await page.getByRole("heading", { level: 1 }).textContent()]).toEqual([404, "Not found"]);
    expect(await page.getByRole("navigation", { name: "Console" }).isVisible()).toBe(true);
    await page.context().close();
  });

  test("finds every page accessible in both themes, on every screen, steady and light; public pages load no script", async () => {
    const agent = await agentOf("an-agent");
    const page = await web.openSignedIn();
    const visitor = await web.open();
    const surveyed = {
      home: await survey(visitor, `${web.url}/`, "home", 0),
      "not-found": await survey(visitor, `${web.url}/nothing-here`, "not-found", 0),
      agents: await survey(page, `${web.url}/agents`, "agents", CONSOLE_SCRIPT_BYTES),
      "agents-new": await survey(page, `${web.url}/agents/new`, "agents-new", CONSOLE_SCRIPT_BYTES),
      agent: await survey(page, agent, "agent", CONSOLE_SCRIPT_BYTES),
    };
    expect(Object.entries(surveyed).filter(([, findings]) => findings.length > 0)).toEqual([]);
    await page.context().close();
    await visitor.context().close();
  });

  test("keeps the theme they have chosen, without script too", async () => {
    const page = await web.open({ javaScriptEnabled: false });
    await page.goto(web.url);
    await page.getByRole("button", { name: "Dark" }).click();
    await page.locator("html[data-theme=dark]").waitFor({ state: "attached" });
    await page.goto(`${web.url}/nothing-here`);
    expect(await page.locator("html").getAttribute("data-theme")).toBe("dark");
    await page.context().close();
  });
});

describe("every answer", () => {
  test("that is a page has a policy with a nonce of its own, and is kept by nobody", async () => {
    const nonces = new Set<string>();
    for (const path of ["/", "/agents", "/nothing-here"]) {
      const { headers } = await fetch(`${web.url}${path}`, { redirect: "manual" });
      const policy = headers.get("content-security-policy") ?? "";
      nonces.add(/script-src 'self' 'nonce-([\w-]{22})';/.exec(policy)?.[1] ?? "");
      expect(policy).not.toContain("unsafe");
      expect(policy).toContain("frame-ancestors 'none'");
      expect([headers.get("cache-control"), headers.get("x-content-type-options")]).toEqual(["private, no-store", "nosniff"]);
    }
    expect([nonces.size, nonces.has("")]).toEqual([3, false]);
  });

  test("is made of what the APIs say to the visitor's own address, which nobody can make up", async () => {
    const asked = new Set<unknown>();
    const api = createServer(({ headers }, response) => {
      asked.add(headers["x-forwarded-for"]);
      response.writeHead(500).end();
    });
    await once(api.listen(0, "127.0.0.1"), "listening");
    const log = createLogger({ name: "web", level: "silent" });
    const config = readConfig({
      WEB_PORT: "0",
      WEB_URL: "http://web.example",
      WHS_ALLOW_HTTP: "1",
      WEB_SESSION_SECRET: "s".repeat(32),
      OIDC_ISSUER: "http://127.0.0.1:1",
      FLEETPROMPT_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    });
    const addressesSeen = async (trustedProxies: string[], forwardedFor: string): Promise<unknown[]> => {
      asked.clear();
      const server = await createWebServer({
        config: { ...config, trustedProxies },
        log,
        build: await ensureBuilt(log),
        registry: createRegistry("web"),
      });
      await fetch(`${await server.listen()}/marketplace`, { headers: { "x-forwarded-for": forwardedFor, connection: "close" } });
      await server.close();
      return [...asked];
    };
    try {
      expect(await addressesSeen(["127.0.0.1"], "203.0.113.1")).toEqual(["203.0.113.1"]);
      expect(await addressesSeen(["127.0.0.1"], "203.0.113.1, 203.0.113.2")).toEqual(["203.0.113.2"]);
      expect(await addressesSeen([], "203.0.113.1")).toEqual(["127.0.0.1"]);
    } finally {
      api.close();
    }
  });

  test("to a form from another site, or from nowhere, is a refusal, and nothing is done", async () => {
    const page = await web.openSignedIn();
    const cookies = await page.context().cookies(web.url);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    const post = (path: string, headers: Record<string, string>): Promise<Response> =>
      fetch(`${web.url}${path}`, {
        method: "POST",
        redirect: "manual",
        headers: { cookie, ...headers },
        body: new URLSearchParams({ name: "forged", runtimeProvider: "cloudflare" }),
      });
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" }, {}]) {
      for (const path of ["/agents/new", "/agents/new.data", "/sign-out"]) expect((await post(path, headers)).status).toBe(403);
    }
    const agents = await (await page.context().request.get(`${web.url}/agents`)).text();
    expect([agents.includes("Agents</h1>"), agents.includes("forged")]).toEqual([true, false]);
    expect((await post("/agents/new", { origin: web.url })).status).toBe(303);
    await page.context().close();
  });

  test("that sets a session keeps it from scripts and other sites", async () => {
    const page = await web.openSignedIn();
    const sessions = (await page.context().cookies(web.url)).filter(({ name }) => name.startsWith("whs_session"));
    expect(sessions.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path }))).toEqual([
      { httpOnly: true, sameSite: "Lax", path: "/" },
    ]);
    await page.context().close();
  });

  test("in a session whose token has ended comes with a new token, until the session is signed out", async () => {
    const sessions = createSessions({ sessionSecret: web.stack.secrets.WEB_SESSION_SECRET, secure: false });
    const context = (await web.openAs(await signUp(web.stack.endpoints))).context();
    const sessionNow = async () => {
      const cookie = (await context.cookies(web.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
      return sessions.read(new Request(web.url, { headers: { cookie } }));
    };
    const before = await sessionNow();
    if (before === undefined) throw new Error("Nobody is signed in.");
    const [ended = ""] = await sessions.keep(new Request(web.url), { ...before, token: "ended", expiresAt: 0 });
    const value = ended.slice(ended.indexOf("=") + 1, ended.indexOf(";"));
    await context.addCookies([{ name: "whs_session", value, url: web.url }]);
    expect((await context.request.get(`${web.url}/agents`, { maxRedirects: 0 })).status()).toBe(200);
    expect((await sessionNow())?.expiresAt).toBeGreaterThan(Date.now());
    expect((await sessionNow())?.token).not.toBe("ended");

    expect((await context.request.post(`${web.url}/sign-out`, { headers: { origin: web.url } })).url()).toBe(`${web.url}/`);
    await context.addCookies([{ name: "whs_session", value, url: web.url }]);
    expect((await follow(context.request, `${web.url}/agents`)).at(-1)?.pathname).toBe("/sign-in");
    expect(await sessionNow()).toBeUndefined();
    await context.close();
  });

  test("to a sign-in that wants to return elsewhere leads to this app", async () => {
    const page = await web.openSignedIn();
    for (const wanted of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
      const passed = await follow(page.context().request, `${web.url}/sign-in?return-to=${encodeURIComponent(wanted)}`);
      expect(passed.at(-1)?.href).toBe(`${web.url}/agents`);
    }
    await page.context().close();
  });

  test("of the issuer to a question that this browser did not ask is refused", async () => {
    const page = await web.open();
    const answer = await page.goto(`${web.url}/auth/callback?code=stolen&state=forged`);
    expect([answer?.status(), await page.getByRole("heading", { level: 1 }).textContent()]).toEqual([400, "Sign-in failed"]);
    await page.context().close();
  });

  test("to a visitor is compressed; to a session, which has secrets of its own, it is not", async () => {
    const page = await web.openSignedIn();
    const cookie = (await page.context().cookies(web.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
    await page.context().close();
    const visited = await fetch(`${web.url}/`, { headers: { "accept-encoding": "br" } });
    expect([visited.headers.get("content-encoding"), (await visited.text()).includes("Hosting for AI agents</h1>")]).toEqual(["br", true]);
    const own = await fetch(`${web.url}/agents`, { headers: { "accept-encoding": "br", cookie } });
    expect([own.status, own.headers.get("content-encoding")]).toEqual([200, null]);
  });

  test("is counted by page for whoever runs the app, on a listener of its own", async () => {
    const log = (await readFile(join(web.stack.dataDir, "logs/web.log"), "utf8")).split("\n");
    const { metricsUrl = "" } = JSON.parse(log.find((line) => line.includes("metricsUrl")) ?? "{}") as { metricsUrl?: string };
    await fetch(`${web.url}/healthz`);
    await fetch(`${web.url}/agents/agt_01h455vb4pex5vsknk084sn02q/logs`, { redirect: "manual" });
    await expect
      .poll(async () => (await fetch(metricsUrl)).text())
      .toMatch(/http_requests_total\{method="GET",route="\/agents\/:agentId\/logs",status="302",service="web"\} \d/);
    expect((await fetch(`${web.url}/readyz`)).status).toBe(200);
    expect((await fetch(`${web.url}/metrics`)).status).toBe(404);
  });

  test("that is a file is compressed, and its name changes with its content", async () => {
    const page = await web.openSignedIn();
    const html = await (await page.context().request.get(`${web.url}/agents`)).text();
    await page.context().close();
    const script = /\/assets\/[\w.-]+\.js/.exec(html)?.[0] ?? "";
    const { headers } = await fetch(`${web.url}${script}`, { headers: { "accept-encoding": "br" } });
    expect([headers.get("cache-control"), headers.get("content-encoding")]).toEqual(["public, max-age=31536000, immutable", "br"]);
  });
});
