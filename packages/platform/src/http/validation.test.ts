import { AppError } from "@whs/platform/errors";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseInput } from "./validation.ts";

const schema = z.strictObject({
  name: z.string().min(3).max(5),
  note: z.string().optional(),
  count: z.int().min(1).max(9).default(2),
  ratio: z.number().gt(0).lt(1).optional(),
  mode: z.enum(["fast", "slow"]).optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  tags: z.array(z.string()).min(1).max(2).optional(),
  flag: z.boolean().optional(),
  level: z.union([z.literal(0), z.literal(1)]).optional(),
  nested: z.strictObject({ deep: z.strictObject({ value: z.string().optional() }).optional() }).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  source: z
    .discriminatedUnion("type", [
      z.strictObject({ type: z.literal("a"), x: z.string().optional() }),
      z.strictObject({ type: z.literal("b") }),
    ])
    .optional(),
  cleared: z.string().nullable().optional(),
  anything: z.unknown().optional(),
  code: z.string().regex(/^c/, "must start with c").optional(),
});

interface Refusal {
  error: AppError;
  fields: { fieldName: string; message: string }[];
}

function refusalOf(input: unknown): Refusal | undefined {
  try {
    parseInput(schema, input);
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "INVALID_REQUEST" || error.status !== 400) throw error;
    return { error, fields: error.details["fields"] as Refusal["fields"] };
  }
}
const fieldsOf = (input: unknown): string[] | undefined =>
  refusalOf(input)?.fields.map(({ fieldName, message }) => `${fieldName} ${message}`);
const parsed = (json: string): unknown => JSON.parse(json);

test.each([
  [{}, ["name is required"]],
  [{ name: undefined }, ["name is required"]],
  [{ name: null }, ["name must be a string"]],
  [{ name: 5 }, ["name must be a string"]],
  [{ name: "ab" }, ["name must have at least 3 characters"]],
  [{ name: "abcdef" }, ["name must have at most 5 characters"]],
  [{ name: "abc", count: 1.5 }, ["count must be a whole number"]],
  [{ name: "abc", count: 0 }, ["count must be at least 1"]],
  [{ name: "abc", count: 10 }, ["count must be at most 9"]],
  [{ name: "abc", count: "1" }, ["count must be a number"]],
  [{ name: "abc", ratio: 0 }, ["ratio must be more than 0"]],
  [{ name: "abc", ratio: 1 }, ["ratio must be less than 1"]],
  [{ name: "abc", mode: "medium" }, ["mode must be one of fast, slow"]],
  [{ name: "abc", at: "yesterday" }, ["at must be a time such as 2026-11-02T08:30:00Z"]],
  [{ name: "abc", tags: [] }, ["tags must have at least 1 item"]],
  [{ name: "abc", tags: ["a", 5] }, ["tags.1 must be a string"]],
  [{ name: "abc", tags: "a" }, ["tags must be a list"]],
  [{ name: "abc", flag: "yes" }, ["flag must be true or false"]],
  [{ name: "abc", level: 2 }, ["level must have one of the described forms"]],
  [{ name: "abc", source: {} }, ["source.type is required"]],
  [{ name: "abc", source: { type: "c" } }, ["source.type must be one of a, b"]],
  [{ name: "abc", source: { type: "b", x: "1" } }, ["source.x is not a known field"]],
  [{ name: "abc", code: "d" }, ["code must start with c"]],
  [{ name: "abc", nested: { deep: { value: 1 } } }, ["nested.deep.value must be a string"]],
  [
    { name: "abc", nested: { deep: { values: "a", other: 1 } } },
    ["nested.deep.values is not a known field", "nested.deep.other is not a known field"],
  ],
  [{ nam: "abc" }, ["name is required", "nam is not a known field"]],
  [[], [" must be an object"]],
  ["text", [" must be an object"]],
  [null, [" must be an object"]],
])("what is wrong is said by field: %j", (input, expected) => {
  expect(fieldsOf(input)).toEqual(expected);
});

test("null means absent for an optional field, at every depth and in unions", () => {
  const input = { name: "abc", note: null, count: null, tags: null, nested: { deep: { value: null } }, source: { type: "a", x: null } };
  expect(parseInput(schema, input)).toEqual({ name: "abc", count: 2, nested: { deep: {} }, source: { type: "a" } });
  expect(parseInput(schema, { name: "abc", nested: null, source: null })).toEqual({ name: "abc", count: 2 });
});

test("null stays what it is where the field takes it, and in data that is nobody's business", () => {
  const input = { name: "abc", cleared: null, anything: { a: null, b: [null] } };
  expect(parseInput(schema, input)).toEqual({ ...input, count: 2 });
});

test("null is no value of a list, of a named value or of an unknown field", () => {
  expect(fieldsOf({ name: "abc", tags: [null] })).toEqual(["tags.0 must be a string"]);
  expect(fieldsOf({ name: "abc", labels: { a: "x", b: null } })).toEqual(["labels.b must be a string"]);
  expect(fieldsOf({ name: "abc", unknown: null })).toEqual(["unknown is not a known field"]);
});

test("the input itself is not changed", () => {
  const input = { name: "abc", note: null, nested: { deep: null } };
  parseInput(schema, input);
  expect(input).toEqual({ name: "abc", note: null, nested: { deep: null } });
});

test.each([
  ['{"name":"abc","__proto__":{"admin":true}}', "__proto__"],
  ['{"name":"abc","labels":{"__proto__":"x"}}', "labels.__proto__"],
  ['{"name":"abc","anything":{"a":[{"__proto__":null}]}}', "anything.a.0.__proto__"],
])("__proto__ is no field anywhere: %s", (json, name) => {
  expect(fieldsOf(parsed(json))).toEqual([`${name} is not a known field`]);
  expect(Object.hasOwn(Object.prototype, "admin")).toBe(false);
});

test.each(["constructor", "toString", "hasOwnProperty", "prototype"])("%s is a name like any other", (name) => {
  expect(fieldsOf({ name: "abc", [name]: 1 })).toEqual([`${name} is not a known field`]);
  expect(parseInput(schema, { name: "abc", labels: { [name]: "x" } })).toMatchObject({ labels: { [name]: "x" } });
});

test("nesting beyond 64 levels is refused, however deep it is", () => {
  const nested = (levels: number): unknown => parsed(`{"name":"abc","anything":${"[".repeat(levels)}${"]".repeat(levels)}}`);
  expect(parseInput(schema, nested(63))).toMatchObject({ name: "abc" });
  for (const levels of [64, 1000, 100_000])
    expect(fieldsOf(nested(levels))).toEqual([expect.stringMatching(/^anything(\.0)+ is nested deeper than 64 levels$/)]);
});

test("a flood of mistakes is answered with a bounded list of bounded names", () => {
  const input = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`${"x".repeat(500)}${index}`, 1]));
  const fields = fieldsOf({ name: "abc", ...input }) ?? [];
  expect(fields).toHaveLength(50);
  for (const field of fields) expect(field.length).toBeLessThan(200);
});

test("any value is either parsed or refused by named fields that read as sentences", () => {
  const almost = fc.record(
    Object.fromEntries(
      Object.keys(schema.shape).map((name) => [name, fc.oneof(fc.constant(null), fc.constant("abc"), fc.integer(), fc.jsonValue())]),
    ),
    { requiredKeys: [] },
  );
  const reads = (input: unknown): boolean => {
    const refusal = refusalOf(input);
    if (refusal === undefined) return true;
    const { error, fields } = refusal;
    return (
      fields.length > 0 && fields.every(({ message }) => /^(must|is|has) [^\n]+[^.]$/.test(message)) && /^\S[^]*[^.]\.$/.test(error.message)
    );
  };
  fc.assert(fc.property(fc.oneof(almost, fc.jsonValue()), reads), { numRuns: 500 });
});
