import { expect, test } from "vitest";
import { createLogger, type Logger, registerSecretValue, serializeError, unregisterSecretValue } from "./index.ts";

function capture(): { logger: Logger; lines: () => Record<string, unknown>[]; text: () => string } {
  let written = "";
  const logger = createLogger({ name: "test", level: "info", destination: { write: (line: string) => (written += line) } });
  const lines = () =>
    written
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, text: () => written };
}

test("a line is JSON with level, time, name, fields and message", () => {
  const { logger, lines } = capture();
  logger.info({ traceId: "trc_1", tokens: 3 }, "Request done");
  expect(lines()).toEqual([
    {
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      name: "test",
      pid: process.pid,
      traceId: "trc_1",
      tokens: 3,
      msg: "Request done",
    },
  ]);
});

test("lines below the level are not written", () => {
  const { logger, text } = capture();
  logger.debug("unseen");
  expect(text()).toBe("");
});

test("a secret is in no line, whether in message, field, key, error, cause, stack, array, child or format argument", () => {
  const secret = 'unique"sentinel\n7f3a';
  const { logger, lines, text } = capture();
  registerSecretValue(secret);
  logger.info(`message ${secret}`);
  logger.info({ field: { deep: [secret], [secret]: 1 } }, "fields");
  logger.info("format %s %j", secret, { secret });
  logger.error(new Error(`thrown ${secret}`));
  logger.error(
    { err: new Error("outer", { cause: new AggregateError([new Error(secret)], secret) }), reason: new TypeError(secret) },
    "caused",
  );
  logger.child({ bound: secret }).child({ authorization: secret }).warn("child");
  unregisterSecretValue(secret);
  expect(lines()).toHaveLength(6);
  expect(text()).not.toMatch(/unique|sentinel|7f3a/);
});

test("an error is logged by its safe fields alone, causes included", () => {
  const cause = Object.assign(new Error("duplicate key"), { code: "23505", detail: "Key (email)=(a@b.c) exists.", query: "insert" });
  const error = Object.assign(new TypeError("Cannot do it", { cause }), { status: 409, config: { headers: { a: "b" } } });
  const { logger, lines } = capture();
  logger.error({ err: error }, "Failed");
  expect(lines()[0]?.err).toEqual({
    type: "TypeError",
    message: "Cannot do it",
    status: 409,
    stack: expect.stringContaining("logger.test.ts") as string,
    cause: { type: "Error", message: "duplicate key", code: "23505", stack: expect.any(String) as string },
  });
});

test("anything that can be thrown can be logged", () => {
  const circular = new Error("circular");
  circular.cause = circular;
  for (const thrown of [
    undefined,
    null,
    "text",
    7,
    Symbol("s"),
    { message: "like an error" },
    {},
    Object.create(null),
    circular,
    new AggregateError([1, "x"]),
  ]) {
    expect(serializeError(thrown)).toMatchObject({ type: expect.any(String) as string, message: expect.any(String) as string });
  }
});

test("a long message is cut after redaction, so that half a secret never shows", () => {
  const secret = "sentinel-at-the-cut";
  registerSecretValue(secret);
  const { message } = serializeError(new Error("x".repeat(4_090) + secret));
  unregisterSecretValue(secret);
  expect(message).toHaveLength(4_097);
  expect(message).not.toContain("sentinel".slice(0, 4));
});
