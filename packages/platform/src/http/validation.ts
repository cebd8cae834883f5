import type { FieldError } from "@whs/api";
import { AppError, invalidRequest } from "@whs/platform/errors";
import type { z } from "zod";

/** Issues that one answer names at the most. */
const maxFields = 50;

/**
 * Parses what a caller sent. An explicit `null` for an optional field means absent, everywhere.
 * @throws AppError `INVALID_REQUEST` naming each field.
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown, prefix = ""): z.output<S> {
  const result = schema.safeParse(withoutNulls(input));
  if (result.success) return result.data;
  throw invalidRequest(fieldErrors(result.error, prefix));
}

export function fieldErrors(error: z.ZodError, prefix = ""): FieldError[] {
  const fields: FieldError[] = [];
  for (const issue of error.issues) collect(issue, prefix === "" ? [] : [prefix], fields);
  return fields.slice(0, maxFields);
}

function collect(issue: z.core.$ZodIssue, base: readonly PropertyKey[], fields: FieldError[]): void {
  const path = [...base, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) fields.push({ fieldName: named([...path, key]), message: "is not a known field" });
    return;
  }
  fields.push({ fieldName: named(path), message: sentence(issue) });
}

/** zod's own messages start with a capital and stand alone; ours continue "field: …". */
function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.input === undefined && /received undefined/.test(issue.message)) return "is required";
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function named(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).slice(0, 128)).join(".");
}

const maxDepth = 64;

function withoutNulls(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth)
    throw new AppError("INVALID_REQUEST", `The body is nested deeper than ${maxDepth} levels.`, {
      details: { fields: [{ fieldName: "", message: `is nested deeper than ${maxDepth} levels` }] },
    });
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) value[index] = withoutNulls(value[index], depth + 1);
    return value;
  }
  const record = value as Record<string, unknown>;
  for (const key in record) {
    if (record[key] === null) delete record[key];
    else if (typeof record[key] === "object") withoutNulls(record[key], depth + 1);
  }
  return record;
}
