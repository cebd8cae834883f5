import type { z } from "zod";

const typeNames: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
  null: "null",
};

const formatNames: Readonly<Record<string, string>> = {
  datetime: "a time such as 2026-11-02T08:30:00Z",
  date: "a date such as 2026-11-02",
  email: "an e-mail address",
  url: "a URL",
};

/**
 * What is wrong with a field, as the end of a sentence that its name begins: "limit" "must be at most 100".
 * Undefined leaves the word to zod. A message that the schema itself has takes precedence over all of these.
 */
export function describeIssue(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== "custom" && isMissing(issue)) return "is required";
  switch (issue.code) {
    case "invalid_type":
      return `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `must be ${oneOf(issue.values)}`;
    case "invalid_union":
      return Array.isArray(issue.options) ? `must be ${oneOf(issue.options)}` : "must have one of the described forms";
    case "too_small":
      return `must ${isSize(issue.origin) ? "have" : "be"} ${issue.inclusive === false ? "more than" : "at least"} ${amount(issue.minimum, issue.origin)}`;
    case "too_big":
      return `must ${isSize(issue.origin) ? "have" : "be"} ${issue.inclusive === false ? "less than" : "at most"} ${amount(issue.maximum, issue.origin)}`;
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}`;
    case "invalid_format":
      return `must be ${formatNames[issue.format] ?? "of the described form"}`;
    case "invalid_key":
      return "is not a possible name";
    case "invalid_element":
    case "unrecognized_keys":
    case "custom":
    default:
      return undefined;
  }
}

/** A union is told apart by a field of the input, which is the one that may be missing. */
function isMissing(issue: z.core.$ZodRawIssue): boolean {
  if (issue.code !== "invalid_union" || typeof issue.discriminator !== "string") return issue.input === undefined;
  return typeof issue.input === "object" && issue.input !== null && !Object.hasOwn(issue.input, issue.discriminator);
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.map(String);
  return shown.length === 1 ? shown.join("") : `one of ${shown.join(", ")}`;
}

function isSize(origin: string): boolean {
  return origin === "string" || origin === "array" || origin === "record" || origin === "object";
}

function amount(limit: number | bigint, origin: string): string {
  const unit = origin === "string" ? "character" : isSize(origin) ? "item" : undefined;
  return unit === undefined ? String(limit) : `${limit} ${unit}${Number(limit) === 1 ? "" : "s"}`;
}
