import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSessions } from "../src/session/sessions.ts";
import { complaintsOf, examine, scriptBytesOf } from "./browser.ts";
import { START_TIMEOUT_MS, signUp, startWeb, type WebHarness } from "./harness.ts";

/** What a first visit to a public page may load, compressed. */
const SCRIPT_BUDGET_BYTES = 100 * 1024;

let web: WebHarness;
beforeAll(async () => {
  web = await startWeb();
}, START_TIMEOUT_MS);
afterAll(() => web?.stop(), 60_000);

async function createAgent(page: Page, name: string): Promise<void> {
  await page.goto(`${web.url}/agents/new`);
  await page.getByLabel("Name").fill(name);
  await page.getByRole("button", { name: "Create agent" }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

describe("a person", { timeout: 120_000 }, () => {
  test("signs up, creates an agent, finds it in the list, and signs out; nothing complains on the way", async () => {
    const page = await web.open();
    const complaints = complaintsOf(page);
    await page.goto(web.url);
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill("Grace Hopper");
    await page.getByLabel("E-mail address").fill("grace@example.com");
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
    await page.waitForFunction(() => document.activeElement?.id === "main");
    expect(await page.getByText("Agent first-agent is created.").isVisible()).toBe(true);
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

  test("comes back after the sign-in to the page that was asked for", async () => {
    const page = await web.openSignedIn();
    await page.context().clearCookies({ name: "whs_session" });
    const answer = await page.goto(`${web.url}/agents/new?from=a-link`);
    const redirects = [];
    for (let request = answer?.request().redirectedFrom(); request; request = request.redirectedFrom())
      redirects.push(new URL(request.url()));
    expect(redirects.map(({ origin, pathname }) => [origin, pathname])).toEqual([
      [web.url, "/auth/callback"],
      [web.stack.endpoints.identity, "/oauth/authorize"],
      [web.url, "/sign-in"],
      [web.url, "/agents/new"],
    ]);
    expect(page.url()).toBe(`${web.url}/agents/new?from=a-link`);
    await page.context().close();
  });

  test("sees what the API refuses at the field, and what is not there as a page with the status 404", async () => {
    const page = await web.openSignedIn();
    await createAgent(page, "taken");
    await page.goto(`${web.url}/agents/new`);
    await page.getByLabel("Name").fill("taken");
    await page.getByRole("button", { name: "Create agent" }).click();
    expect(await page.getByRole("alert").textContent()).toMatch(/Trace trc_/);
    const missing = await page.goto(`${web.url}/agents/agt_01h455vb4pex5vsknk084sn02q`);
    expect([missing?.status(), await page.getByRole("heading", { level: 1 }).textContent()]).toEqual([404, "Not found"]);
    expect(await page.getByRole("navigation", { name: "Console" }).isVisible()).toBe(true);
    await page.context().close();
  });

  test("finds every page accessible in both themes, on a phone and on a desktop", async () => {
    const page = await web.openSignedIn();
    await createAgent(page, "an-agent");
    const examined: Record<string, string[]> = { agent: await examine(page) };
    for (const path of ["/agents", "/agents/new", "/agents/unknown", "/nothing-here"]) {
      await page.goto(`${web.url}${path}`);
      examined[path] = await examine(page);
    }
    const visitor = await web.open();
    await visitor.goto(web.url);
    examined["/"] = await examine(visitor);
    expect(Object.entries(examined).filter(([, findings]) => findings.length > 0)).toEqual([]);
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

describe("every answer", { timeout: 60_000 }, () => {
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
    await page.goto(`${web.url}/agents`);
    expect(await page.getByRole("heading", { level: 1, name: "Agents" }).isVisible()).toBe(true);
    expect(await page.getByText("forged").count()).toBe(0);
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
    const page = await web.open();
    await signUp(page, web.url);
    const context = page.context();
    const sessionNow = async () => {
      const cookie = (await context.cookies(web.url)).map(({ name, value }) => `${name}=${value}`).join("; ");
      return sessions.read(new Request(web.url, { headers: { cookie } }));
    };
    const before = await sessionNow();
    if (before === undefined) throw new Error("Nobody is signed in.");
    const [ended = ""] = await sessions.keep(new Request(web.url), { ...before, token: "ended", expiresAt: 0 });
    const value = ended.slice(ended.indexOf("=") + 1, ended.indexOf(";"));
    await context.addCookies([{ name: "whs_session", value, url: web.url }]);
    expect((await page.goto(`${web.url}/agents`))?.status()).toBe(200);
    expect((await sessionNow())?.expiresAt).toBeGreaterThan(Date.now());
    expect((await sessionNow())?.token).not.toBe("ended");

    await page.getByRole("button", { name: "Account of Ada Lovelace" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Create an account" }).waitFor();
    await context.addCookies([{ name: "whs_session", value, url: web.url }]);
    await page.goto(`${web.url}/agents`);
    expect(new URL(page.url()).pathname).toBe("/sign-in");
    expect(await sessionNow()).toBeUndefined();
    await context.close();
  });

  test("to a sign-in that wants to return elsewhere leads to this app", async () => {
    const page = await web.openSignedIn();
    for (const wanted of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]) {
      await page.goto(`${web.url}/sign-in?return-to=${encodeURIComponent(wanted)}`);
      expect(page.url()).toBe(`${web.url}/agents`);
    }
    await page.context().close();
  });

  test("of the issuer to a question that this browser did not ask is refused", async () => {
    const page = await web.open();
    const answer = await page.goto(`${web.url}/auth/callback?code=stolen&state=forged`);
    expect([answer?.status(), await page.getByRole("heading", { level: 1 }).textContent()]).toEqual([400, "Sign-in failed"]);
    await page.context().close();
  });

  test("that is a file is compressed, and its name changes with its content", async () => {
    const html = await (await fetch(`${web.url}/nothing-here`)).text();
    const script = /\/assets\/[\w.-]+\.js/.exec(html)?.[0] ?? "";
    const { headers } = await fetch(`${web.url}${script}`, { headers: { "accept-encoding": "br" } });
    expect([headers.get("cache-control"), headers.get("content-encoding")]).toEqual(["public, max-age=31536000, immutable", "br"]);
  });

  test("to a first visit of a public page stays within the budget of script", async () => {
    expect(await scriptBytesOf(web.browser, web.url)).toBe(0);
    const scripted = await scriptBytesOf(web.browser, `${web.url}/nothing-here`);
    expect(scripted).toBeGreaterThan(10_000);
    expect(scripted).toBeLessThanOrEqual(SCRIPT_BUDGET_BYTES);
  });
});
