import { expect, test } from "vitest";
import { z } from "zod";
import { ConfigurationError, isLoopback, parseEnvironment, requireHttps } from "./index.ts";

const schema = z.object({
  DATABASE_URL: z.string().describe("postgres://…"),
  PORT: z.coerce.number("must be a port").int().min(1).max(65_535).default(8787).describe("port to listen on"),
  LEVEL: z.enum(["info", "debug"], "must be info or debug").default("info"),
  EXTRA: z.string().optional(),
});

function messageOf(environment: NodeJS.ProcessEnv, by: z.ZodObject = schema): string {
  try {
    parseEnvironment(by, environment);
    return "accepted";
  } catch (error) {
    return error instanceof ConfigurationError ? error.message : String(error);
  }
}

test("the environment becomes typed values and defaults; other variables stay out", () => {
  expect(parseEnvironment(schema, { DATABASE_URL: "postgres://x", PORT: "80", PATH: "/bin" })).toEqual({
    DATABASE_URL: "postgres://x",
    PORT: 80,
    LEVEL: "info",
  });
});

test("an empty variable counts as absent", () => {
  expect(parseEnvironment(schema, { DATABASE_URL: "x", PORT: "", EXTRA: "" })).toEqual({ DATABASE_URL: "x", PORT: 8787, LEVEL: "info" });
  expect(messageOf({ DATABASE_URL: "" })).toBe("Cannot start:\n  DATABASE_URL is missing (postgres://…)");
});

test("every variable that is missing or wrong is named, each once, with what it should be", () => {
  expect(messageOf({ PORT: "eighty", LEVEL: "loud" })).toBe(
    "Cannot start:\n  DATABASE_URL is missing (postgres://…)\n  PORT: must be a port (port to listen on)\n  LEVEL: must be info or debug",
  );
  expect(messageOf({ DATABASE_URL: "x", PORT: "0.5" }).match(/PORT/g)).toHaveLength(1);
});

test("a rule without words of its own says what the variable should be, and a choice its choices", () => {
  const unworded = z.object({
    PORT: z.coerce.number().int().max(65_535).describe("a port; 0 picks a free one"),
    LEVEL: z.enum(["info", "debug"]).describe("how much is logged"),
    COUNT: z.coerce.number().optional(),
    ADDRESS: z.url().optional().describe("where the keys are"),
    FLAG: z.string().refine((text) => text === "1", "must be 1"),
  });
  const expected =
    "Cannot start:\n  PORT: must be a port; 0 picks a free one\n  LEVEL: must be one of info, debug\n" +
    "  COUNT has a wrong value\n  ADDRESS: must be a URL (where the keys are)\n  FLAG: must be 1";
  expect(messageOf({ PORT: "x", LEVEL: "loud", COUNT: "x", ADDRESS: "x", FLAG: "2" }, unworded)).toBe(expected);
  expect(messageOf({ PORT: "65536", LEVEL: "loud", COUNT: "x", ADDRESS: "x", FLAG: "2" }, unworded)).toBe(expected);
});

test("a rule about several variables speaks for itself", () => {
  const both = z
    .object({ A: z.string().optional(), B: z.string().optional() })
    .refine(({ A, B }) => (A === undefined) === (B === undefined), "A and B come together");
  expect(messageOf({ A: "1" }, both)).toBe("Cannot start:\n  A and B come together");
});

test("a wrong value is not shown: it may be a secret in the wrong place", () => {
  expect(messageOf({ DATABASE_URL: "x", PORT: "s3cret-value", LEVEL: "s3cret-level" })).not.toContain("s3cret");
});

test.each(["localhost", "127.0.0.1", "127.255.0.9", "::1", "[::1]"])("%s is loopback", (host) => expect(isLoopback(host)).toBe(true));
test.each(["localhost.example", "128.0.0.1", "127.0.0.1.example", "10.0.0.1", "0.0.0.0", "example.com", ""])("%s is not loopback", (host) =>
  expect(isLoopback(host)).toBe(false),
);

test("a public URL must be https, unless the operator insists", () => {
  for (const url of ["https://whs.example", "http://localhost:1", "http://[::1]:1", "http://127.0.0.1"])
    requireHttps("WHS_PUBLIC_URL", url, false);
  requireHttps("WHS_PUBLIC_URL", "http://whs.example", true);
  const require = (url: string) => () => requireHttps("WHS_PUBLIC_URL", url, false);
  expect(require("http://user:s3cret@whs.example/x")).toThrow(
    "WHS_PUBLIC_URL: must be an https:// URL beyond loopback, and whs.example is (WHS_ALLOW_HTTP=1 overrides)",
  );
  for (const url of ["", "whs.example", "ftp://whs.example", "://"])
    expect(require(url)).toThrow("WHS_PUBLIC_URL: must be an https:// URL");
});
