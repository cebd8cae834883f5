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
