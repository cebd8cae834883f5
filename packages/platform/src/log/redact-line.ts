import { hasSecretKey, isSecretKey } from "./known-shapes.ts";
import { hasSecret, redactText } from "./redact-text.ts";
import { MARK } from "./value-matcher.ts";

/**
 * A line of JSON without secrets: values under the names of secrets at any depth, and secrets anywhere in its strings.
 * A line in which nothing is found, the usual case, stays as it is; any other is taken apart, so that the result is
 * JSON again, whatever the secret looks like.
 */
export function redactLine(line: string): string {
  if (!hasSecretKey(line) && !hasSecret(line)) return line;
  const redacted = redactJson(line);
  // A value that spans the punctuation of JSON is still there: secrecy goes before form.
  return redacted === undefined || hasSecret(redacted) ? redactText(redacted ?? line) : redacted;
}

function redactJson(line: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  return `${JSON.stringify(redactValue(parsed))}${line.endsWith("\n") ? "\n" : ""}`;
}

function redactValue(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "number") return hasSecret(String(value)) ? MARK : value;
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      redactText(key),
      isSecretKey(key) ? hidden(inner) : redactValue(inner),
    ]),
  );
}

/** That a secret is absent, or a switch is on, is no secret. */
function hidden(value: unknown): unknown {
  return value === null || typeof value === "boolean" ? value : MARK;
}
