import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createRedaction } from "./redaction.ts";

const secret = 'value-"with"-quotes\nand a line';

describe("redaction in the agent's isolate", () => {
  test("no text keeps a secret of six characters or more, wherever it stands", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 6, maxLength: 20 }), { minLength: 1, maxLength: 4 }), fc.string(), (values, around) => {
        // The mark itself may hold what was drawn.
        fc.pre(values.every((value) => !"[redacted]".includes(value)));
        const cleaned = createRedaction(values).text(around + values.join(around) + around);
        for (const value of values) expect(cleaned.replaceAll("[redacted]", "\u0000")).not.toContain(value);
      }),
    );
  });

  test("a secret is found in JSON too, and short words are left alone", () => {
    const { text } = createRedaction([secret, "no"]);
    expect(text(JSON.stringify({ secret }))).toBe('{"secret":"[redacted]"}');
    expect(text("no way")).toBe("no way");
  });
});

describe("the guarded console", () => {
  const original = console.warn;
  afterEach(() => {
    console.warn = original;
  });

  test("writes strings, objects and errors without the secret, and everything else as it was", () => {
    const write = vi.fn<(...parts: unknown[]) => void>();
    console.warn = write;
    createRedaction([secret]).guardConsole();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const harmless = { a: 1 };
    console.warn(`x ${secret}`, { deep: [secret] }, new Error(secret), harmless, circular, 7, null);
    const [parts = []] = write.mock.calls;
    expect(JSON.stringify(parts.slice(0, 3))).not.toContain("with");
    expect(parts[0]).toBe("x [redacted]");
    expect(parts[1]).toBe('{"deep":["[redacted]"]}');
    expect(parts[3]).toBe(harmless);
    expect(parts.slice(4)).toEqual([circular, 7, null]);
  });
});
