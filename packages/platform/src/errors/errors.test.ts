import { errorStatus, type ErrorCode } from "@whs/api";
import { expect, test } from "vitest";
import {
  AppError,
  brokenConstraint,
  conflict,
  internal,
  invalidRequest,
  notFound,
  sqlState,
  toStoredError,
  unauthenticated,
} from "./index.ts";

test.each(Object.entries(errorStatus) as [ErrorCode, number][])("%s answers with its own status %i", (code, status) => {
  expect(new AppError(code, "Said.").status).toBe(status);
});

test("the body is what is public of an error", () => {
  const error = new AppError("CONFLICT", "Taken.", { details: { name: "x" }, cause: new Error("private") });
  expect(error.body("trc_1")).toEqual({
    error: { code: "CONFLICT", message: "Taken.", details: { name: "x" }, retryable: false },
    traceId: "trc_1",
  });
  expect(error.cause).toEqual(new Error("private"));
});

test("overload and rate limits may be tried again, after a second unless said otherwise", () => {
  for (const code of ["UNAVAILABLE", "RATE_LIMITED"] as const) {
    expect(new AppError(code, "Wait.")).toMatchObject({ retryable: true, headers: { "retry-after": "1" } });
    expect(new AppError(code, "Wait.", { retryAfterSeconds: 4.2 }).headers).toEqual({ "retry-after": "5" });
  }
  expect(new AppError("CONFLICT", "Taken.")).toMatchObject({ retryable: false, headers: {} });
});

test("what is not visible and what never existed answer alike", () => {
  expect(notFound("Agent").body("trc_1")).toEqual({
    error: { code: "NOT_FOUND", message: "Agent not found.", details: {}, retryable: false },
    traceId: "trc_1",
  });
});

test("who is not signed in is told how", () => {
  expect(unauthenticated()).toMatchObject({ code: "UNAUTHENTICATED", headers: { "www-authenticate": "Bearer" } });
});

test.each([
  [[], "The request is not valid."],
  [[{ fieldName: "name", message: "is required" }], "name: is required."],
  [[{ fieldName: "name", message: "is required." }], "name: is required."],
  [[{ fieldName: "", message: "body is empty" }], "The request body is empty."],
  [
    [
      { fieldName: "a", message: "is first" },
      { fieldName: "b", message: "is second" },
    ],
    "a: is first.",
  ],
])("an invalid request names its first field and lists all: %j", (fields, message) => {
  expect(invalidRequest(fields)).toMatchObject({ code: "INVALID_REQUEST", message, details: { fields } });
});

test("a stored failure is what would be answered again, without a trace id", () => {
  expect(toStoredError(conflict("Taken.", { details: { a: 1 } }))).toEqual({
    status: 409,
    body: { error: { code: "CONFLICT", message: "Taken.", details: { a: 1 }, retryable: false } },
  });
  expect(toStoredError(new AppError("RUNTIME_ERROR", "Timed out.", { status: 504 }))?.status).toBe(504);
});

test("validation, what may be retried and faults of ours are not stored", () => {
  for (const error of [
    invalidRequest([]),
    new AppError("UNAVAILABLE", "Busy."),
    conflict("Running.", { retryable: true }),
    internal(new Error("bug")),
    new Error("bug"),
    undefined,
  ]) {
    expect(toStoredError(error)).toBeUndefined();
  }
});

test("PostgreSQL's codes are told from those of Node, and constraints are known by name", () => {
  expect(sqlState(Object.assign(new Error("duplicate"), { code: "23505", constraint: "agents_name" }))).toBe("23505");
  expect(brokenConstraint(Object.assign(new Error("duplicate"), { constraint: "agents_name" }))).toBe("agents_name");
  for (const other of [new Error("x"), { code: "ECONNREFUSED" }, { code: 23505 }, null, "23505"]) {
    expect(sqlState(other)).toBeUndefined();
    expect(brokenConstraint(other)).toBeUndefined();
  }
});
