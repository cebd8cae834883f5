import { expect, test } from "vitest";
import { readIdentityConfig } from "./config.ts";

const REQUIRED = { DATABASE_URL: "postgresql://127.0.0.1/whs", BETTER_AUTH_SECRET: "a secret of at least 32 characters" };

test("without more than what is required it listens on loopback and calls itself by that address", () => {
  expect(readIdentityConfig(REQUIRED)).toMatchObject({
    host: "127.0.0.1",
    port: 8786,
    publicUrl: "http://127.0.0.1:8786",
    audience: "whs",
  });
});

test.each([
  [{ BETTER_AUTH_SECRET: "short" }, "BETTER_AUTH_SECRET"],
  [{ DATABASE_URL: "" }, "DATABASE_URL"],
  [{ IDENTITY_PORT: "http" }, "IDENTITY_PORT"],
  [{ IDENTITY_PUBLIC_URL: "id.example.com" }, "IDENTITY_PUBLIC_URL"],
  [{ IDENTITY_PUBLIC_URL: "https://example.com/identity" }, "IDENTITY_PUBLIC_URL"],
  [{ LOG_LEVEL: "loud" }, "LOG_LEVEL"],
])("%j stops the start with the name of the variable", (bad, name) => {
  expect(() => readIdentityConfig({ ...REQUIRED, ...bad })).toThrow(name);
});

test("a bad secret is not in the message", () => {
  expect(() => readIdentityConfig({ ...REQUIRED, BETTER_AUTH_SECRET: "hunter2" })).toThrow(expect.not.stringContaining("hunter2"));
});

test("beyond loopback http stops the start unless it is allowed explicitly", () => {
  const beyond = { ...REQUIRED, IDENTITY_PUBLIC_URL: "http://id.example.com" };
  expect(() => readIdentityConfig(beyond)).toThrow("https");
  expect(readIdentityConfig({ ...beyond, WHS_ALLOW_HTTP: "1" }).publicUrl).toBe("http://id.example.com");
});

test("listening on every address without a public https URL stops the start", () => {
  expect(() => readIdentityConfig({ ...REQUIRED, IDENTITY_HOST: "0.0.0.0" })).toThrow("https");
});
