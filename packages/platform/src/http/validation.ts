import type { FieldError } from "@whs/api";
import { invalidRequest } from "@whs/platform/errors";
import { z } from "zod";
import { describeIssue } from "./issue-text.ts";

/** Issues that one answer names at the most. */
const maxFields = 50;
/** Levels of objects and arrays that an input may have; what is nested deeper would exhaust the stack. */
const maxDepth = 64;

/**
 * Parses what a caller sent. An explicit `null` for an optional field means absent, everywhere.
 * @throws AppError `INVALID_REQUEST` naming each field.
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { hasNull } = inspect(input, [], 0);
  const result = schema.safeParse(hasNull ? withoutNulls(schema, input) : input, { error: describeIssue });
  if (result.success) return result.data;
  throw invalidRequest(fieldErrors(result.error));
}

function fieldErrors(error: z.ZodError): FieldError[] {
  const fields = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ fieldName: named([...issue.path, key]), message: "is not a known field" }))
      : [{ fieldName: named(issue.path), message: issue.message }],
  );
  return fields.slice(0, maxFields);
}

function named(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).slice(0, 128)).join(".");
}

/** Refuses what would harm whoever walks or copies the value, and says whether there is a null in it. */
function inspect(value: unknown, path: readonly PropertyKey[], depth: number): { hasNull: boolean } {
  if (typeof value !== "object") return { hasNull: false };
  if (value === null) return { hasNull: true };
  if (depth >= maxDepth) throw invalidRequest([{ fieldName: named(path), message: `is nested deeper than ${maxDepth} levels` }]);
  let hasNull = false;
  for (const [key, item] of Object.entries(value)) {
    // An own key of this name turns into the prototype of a careless copy.
    if (key === "__proto__") throw invalidRequest([{ fieldName: named([...path, key]), message: "is not a known field" }]);
    if (typeof item === "object" && inspect(item, [...path, key], depth + 1).hasNull) hasNull = true;
  }
  return { hasNull };
}

/** Leaves out nulls where the schema has an optional field that does not take null; all others stay and are judged. */
function withoutNulls(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodUnion) return inner.options.reduce((rest: unknown, option) => withoutNulls(option, rest), value);
  if (typeof value !== "object" || value === null) return value;
  if (inner instanceof z.ZodArray) return Array.isArray(value) ? value.map((item: unknown) => withoutNulls(inner.element, item)) : value;
  if (inner instanceof z.ZodRecord) return mapFields(value, (_name, item) => withoutNulls(inner.valueType, item));
  if (!(inner instanceof z.ZodObject)) return value;
  const shape: Readonly<Record<string, z.core.$ZodType>> = inner.shape;
  return mapFields(value, (name, item) => {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (field === undefined) return item;
    return item === null && isOptional(field) ? undefined : withoutNulls(field, item);
  });
}

/** A field that becomes undefined is left out. */
function mapFields(value: object, change: (name: string, item: unknown) => unknown): object {
  if (Array.isArray(value)) return value;
  const changed = Object.entries(value).map(([name, item]): [string, unknown] => [name, change(name, item)]);
  return Object.fromEntries(changed.filter(([, item]) => item !== undefined));
}

/** Answers for schemas, which live as long as the process; finding one out takes longer than parsing a small body. */
const optional = new WeakMap<z.core.$ZodType, boolean>();

function isOptional(field: z.core.$ZodType): boolean {
  let answer = optional.get(field);
  if (answer === undefined) optional.set(field, (answer = z.safeParse(field, undefined).success && !z.safeParse(field, null).success));
  return answer;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  return schema;
}
