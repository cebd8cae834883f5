import { parseHmacKey, signatureHeader } from "@whs/platform/signatures";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane, type TestUser } from "./harness.ts";

// What an install does is shown with both services: packages/stack/test/installs.test.ts.
let plane: TestControlPlane;
let person: TestUser;
beforeAll(async () => {
  // Nobody listens on the discard port.
  plane = await startControlPlane({
    environment: { FLEETPROMPT_URL: "http://127.0.0.1:9", FLEETPROMPT_INTERNAL_REDEEM_SECRET: "a secret of at least thirty-two bytes" },
  });
  person = await plane.user();
});
afterAll(() => plane.close());

it("an install says when to try again while the marketplace cannot be reached", async () => {
  const answer = await person.request("POST", "/v1/installs", { installToken: "fpi_anything" });
  expect(answer).toMatchObject({ status: 503, body: { error: { code: "UNAVAILABLE", retryable: true } } });
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
});

it("an install without a token, or with a name that no agent can have, names the field", async () => {
  for (const [body, fieldName] of [
    [{}, "installToken"],
    [{ installToken: "" }, "installToken"],
    [{ installToken: "x".repeat(201) }, "installToken"],
    [{ installToken: "fpi_x", name: "a b" }, "name"],
  ] as const) {
    expect(await person.request("POST", "/v1/installs", body)).toMatchObject({
      status: 400,
      body: { error: { code: "INVALID_REQUEST", details: { fields: [{ fieldName }] } } },
    });
  }
});

it("an install needs a credential, and a token the scope for it", async () => {
  expect((await plane.as(undefined)("POST", "/v1/installs", { installToken: "fpi_x" })).status).toBe(401);
  const minted = await person.request<{ secret: string }>("POST", "/v1/tokens", { name: "reader", scopes: ["agents:read"] });
  expect((await plane.as(minted.body.secret)("POST", "/v1/installs", { installToken: "fpi_x" })).status).toBe(403);
});

const KEY = parseHmacKey("a secret of at least thirty-two bytes");
const PATH = "/v1/internal/tokens/introspect";
const ask = async (token: string, { key = KEY, source = "fleetprompt", at = Date.now() } = {}) => {
  const body = JSON.stringify({ token });
  const timestamp = String(at);
  const signature = signatureHeader(key, { timestamp, source, method: "POST", path: PATH, body });
  const headers = { "x-whs-delegation-source": source, "x-whs-delegation-timestamp": timestamp, "x-whs-delegation-signature": signature };
  const response = await fetch(plane.url + PATH, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body });
  return { status: response.status, body: (await response.json()) as { active?: boolean } };
};

it("the marketplace learns whom an API token stands for, until it is revoked", async () => {
  const { body } = await person.request<{ secret: string; token: { id: string } }>("POST", "/v1/tokens", {
    name: "shared",
    scopes: ["installs:write"],
  });
  expect(await ask(body.secret)).toMatchObject({
    status: 200,
    body: { active: true, user: { externalId: person.externalId }, scopes: ["installs:write"] },
  });
  await person.request("DELETE", `/v1/tokens/${body.token.id}`);
  expect((await ask(body.secret)).body).toEqual({ active: false, traceId: expect.any(String) });
  expect((await ask("whs_unknown")).body).toEqual({ active: false, traceId: expect.any(String) });
});

it("nobody else may ask, whatever is sent along", async () => {
  const other = parseHmacKey("another secret of thirty-two bytes!!");
  for (const forged of [{ key: other }, { source: "whs" }, { at: Date.now() - 6 * 60_000 }])
    expect((await ask("whs_x", forged)).status).toBe(401);
  expect((await person.request("POST", PATH, { token: "whs_x" })).status).toBe(401);
});
