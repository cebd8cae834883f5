import { describe, expect, test } from "vitest";
import { ownPath } from "./return-to.ts";
import { createSessions, type Session } from "./sessions.ts";

const SECRET = "a secret of the tests that has at least 32 characters";
const session = (token: string): Session => ({
  token,
  expiresAt: 1,
  refreshToken: "refresh",
  signedInAt: 1,
  subject: "user",
  name: "Ada",
  email: null,
});
const sessions = createSessions({ sessionSecret: SECRET, secure: true });

/** A request as a browser sends it after these headers. */
function following(cookies: readonly string[]): Request {
  const kept = cookies.filter((cookie) => !cookie.includes("Max-Age=0")).map((cookie) => cookie.split(";", 1)[0]);
  return new Request("https://console.example.com/", { headers: { cookie: kept.join("; ") } });
}
const visitor = following([]);

describe("a session", () => {
  test.each([10, 4_000, 9_000])("with a token of %d characters comes back as it was kept", async (length) => {
    const kept = session("t".repeat(length));
    expect(await sessions.read(following(await sessions.keep(visitor, kept)))).toEqual(kept);
  });

  test("on https is bound to it and to this host, out of reach for scripts, and unreadable", async () => {
    for (const cookie of await sessions.keep(visitor, session("sentinel".repeat(1_000)))) {
      expect(cookie).toMatch(/^__Host-whs_session(?:\.\d)?=/);
      expect(cookie).toMatch(/; Path=\/; Max-Age=\d+; SameSite=Lax; HttpOnly; Secure$/);
      expect(cookie).not.toContain("sentinel");
    }
  });

  test("that became shorter leaves nothing of the longer one behind", async () => {
    const long = following(await sessions.keep(visitor, session("t".repeat(9_000))));
    const deleted = (await sessions.keep(long, session("short"))).filter((cookie) => cookie.includes("Max-Age=0"));
    expect(deleted.length).toBeGreaterThan(0);
    expect(sessions.drop(long).every((cookie) => cookie.includes("Max-Age=0"))).toBe(true);
  });

  test("with one changed character, of another secret, or of another purpose is none", async () => {
    const [cookie = ""] = await sessions.keep(visitor, session("token"));
    const end = cookie.indexOf(";") - 3;
    const changed = `${cookie.slice(0, end)}${cookie[end] === "A" ? "B" : "A"}${cookie.slice(end + 1)}`;
    expect(await sessions.read(following([changed]))).toBeUndefined();
    const other = createSessions({ sessionSecret: `${SECRET}!`, secure: true });
    expect(await other.read(following([cookie]))).toBeUndefined();
    const departure = await sessions.keepDeparture({ state: "state", nonce: "n", verifier: "v", returnTo: "/" });
    expect(await sessions.read(following([departure.replace(/^[^=]+/, "__Host-whs_session")]))).toBeUndefined();
  });
});

test("a departure is found by its own state alone", async () => {
  const departure = { state: "state-one", nonce: "n", verifier: "v", returnTo: "/agents" };
  const request = following([await sessions.keepDeparture(departure)]);
  expect(await sessions.readDeparture(request, "state-one")).toEqual(departure);
  expect(await sessions.readDeparture(request, "state-on")).toBeUndefined();
  expect(await sessions.readDeparture(request, "state-one-and-more")).toBeUndefined();
});

test.each([
  "https://evil.example/",
  "//evil.example",
  "/\\evil.example",
  "/\t/evil.example",
  "/..//evil.example",
  "javascript:alert(1)",
  "agents",
  "",
  null,
])("%j is no page of this app", (wanted) => {
  expect(ownPath(wanted, "/agents")).toBe("/agents");
});

test("a page of this app is kept with its query", () => {
  expect(ownPath("/agents?search=a&sort=-name#top", "/")).toBe("/agents?search=a&sort=-name#top");
});
