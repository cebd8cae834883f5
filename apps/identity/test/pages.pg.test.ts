import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cookieOf, startIdentity, type IdentityHarness } from "./harness.ts";

const ORIGIN = "http://127.0.0.1:8786";
let identity: IdentityHarness;

beforeAll(async () => {
  identity = await startIdentity();
});
afterAll(() => identity.stop());

describe("pages", () => {
  test("a person signs up, is signed in, and signs out", async () => {
    const form = { name: "Ada", email: "ada@example.com", password: "a long password", next: "/" };
    const signedUp = await identity.call("/sign-up", { form, headers: { origin: ORIGIN } });
    expect([signedUp.status, signedUp.headers.get("location")]).toEqual([303, "/"]);
    const cookie = cookieOf(signedUp);
    expect((await identity.call("/", { headers: { cookie } })).text).toContain("ada@example.com");
    await identity.call("/sign-out", { form: {}, headers: { cookie, origin: ORIGIN } });
    const after = await identity.call("/", { headers: { cookie } });
    expect([after.status, after.headers.get("location")]).toEqual([303, "/sign-in"]);
  });

  test("a wrong password shows the form again with the reason, the address kept and the password gone", async () => {
    const { email } = await identity.signUp();
    const { status, text } = await identity.call("/sign-in", {
      form: { email, password: "not the password" },
      headers: { origin: ORIGIN },
    });
    expect(status).toBe(401);
    expect(text).toContain('role="alert"');
    expect(text).toContain(email);
    expect(text).not.toContain("not the password");
  });

  test("what a visitor typed is shown as text, never as markup", async () => {
    const email = '"><script>alert(1)</script>';
    const { text } = await identity.call("/sign-in", { form: { email, password: "x" }, headers: { origin: ORIGIN } });
    expect(text).not.toContain("<script");
    expect(text).toContain("&lt;script&gt;");
  });

  test.each(["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http://127.0.0.1:8786@evil.example"])(
    "signing in never leads to %s",
    async (next) => {
      const { email, password } = await identity.signUp();
      const { headers } = await identity.call("/sign-in", { form: { email, password, next }, headers: { origin: ORIGIN } });
      expect(headers.get("location")).toBe("/");
    },
  );

  test.each([
    ["another origin", { origin: "https://evil.example" }],
    ["no origin at all", {}],
    ["another site by its own word", { "sec-fetch-site": "cross-site" }],
  ])("a form from %s is refused", async (_from, headers) => {
    const { email, password } = await identity.signUp();
    const { status } = await identity.call("/sign-in", { form: { email, password }, headers });
    expect(status).toBe(403);
  });

  test.each(["/sign-in", "/sign-up", "/device", "/", "/nowhere", "/api/auth/ok"])(
    "%s forbids scripts, frames and sniffing",
    async (path) => {
      const { headers } = await identity.call(path);
      const policy = headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("script-src");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("same-origin");
      expect(headers.get("strict-transport-security")).toBeNull();
    },
  );

  test("every input has a label and the page a language and a title", async () => {
    for (const path of ["/sign-in", "/sign-up"]) {
      const { text } = await identity.call(path);
      const ids = [...text.matchAll(/<input\s+id="([^"]+)"/g)].map((match) => match[1]);
      expect(ids.length).toBeGreaterThan(1);
      for (const id of ids) expect(text).toContain(`<label for="${id}">`);
      expect(text).toMatch(/<html lang="en">[\s\S]*<title>\S/);
    }
  });

  test("health and readiness answer", async () => {
    expect((await identity.call("/healthz")).json).toEqual({ status: "ok" });
    expect((await identity.call("/readyz")).status).toBe(200);
  });
});

test("on https cookies are Secure and browsers are told to stay there", async () => {
  const secure = await startIdentity({ IDENTITY_PUBLIC_URL: "https://id.example.com" });
  try {
    const answer = await secure.call("/api/auth/sign-up/email", {
      json: { email: "secure@example.com", password: "a long password", name: "S" },
    });
    expect(answer.headers.getSetCookie()[0]).toContain("; Secure;");
    expect(answer.headers.get("strict-transport-security")).toContain("max-age=31536000");
  } finally {
    await secure.stop();
  }
});
