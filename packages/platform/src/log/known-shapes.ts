import { MARK } from "./value-matcher.ts";

/** Names whose value is a secret wherever they stand, in any letter case, with `_`, `-` or nothing between words. */
const SECRET_NAME =
  "authorization|cookies?|password|passwd|passphrase|secrets?|token|api[-_]?key|private[-_]?key|access[-_]?key|master[-_]?key|credentials?|signature";

/** Whether the value under this key of a logged object is a secret. `tokens` is not one: that is a count. */
const secretKey = new RegExp(`(?:${SECRET_NAME})$|^env$`, "i");
/** The same in a line of JSON, for lines without such keys to pass quickly. */
const secretKeyInJson = new RegExp(`(?:${SECRET_NAME}|"env)":`, "i");

export function isSecretKey(key: string): boolean {
  return secretKey.test(key);
}

export function hasSecretKey(line: string): boolean {
  return secretKeyInJson.test(line);
}

/** White space as it is and as JSON escapes it. */
const SPACE = String.raw`(?:\s|\\+[tnr])`;

interface Shape {
  /** Without capturing groups other than the leading part that stays; it never crosses the end of a JSON string. */
  pattern: string;
  flags?: "i";
}

/** What a secret looks like. Group 1, if there is one, stays readable. Every pattern runs in linear time. */
const shapes: Shape[] = [
  // PEM and OpenPGP private keys, whole or cut.
  {
    pattern: String.raw`-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=:, .\r\n\t]|-(?!-)|\\+[rnt])*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?`,
  },
  // JWS and JWE in compact form: a JSON object in base64url always starts with eyJ.
  { pattern: String.raw`\beyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){1,4}` },
  // API keys of model providers, API tokens of WHS, install tokens of FleetPrompt.
  { pattern: String.raw`\b(?:sk-|whs_|fpi_)[A-Za-z0-9_-]{8,}` },
  // Server-to-server signatures: within their window they can be replayed.
  { pattern: String.raw`\bv[12]=[0-9a-f]{64}` },
  { pattern: String.raw`(\b(?:bearer|basic)${SPACE}+)(?!\[redacted\])[A-Za-z0-9._~+/=-]{6,}`, flags: "i" },
  {
    pattern: String.raw`(\b(?:cookie2?|authorization|x-api-key)\\*["']?${SPACE}*[:=]${SPACE}*\\*["']?)(?!\s|\[redacted\])[^\r\n"'\\]+`,
    flags: "i",
  },
  // Passwords in connection URLs.
  { pattern: String.raw`(:\/\/[^\s:/?#@"'\\]{0,128}:)(?!\[redacted\]@)[^\s/?#@"'\\]{1,512}(?=@)` },
  // name=value of query strings, forms, cookies and connection strings.
  { pattern: String.raw`((?:${SECRET_NAME})=)(?!\[redacted\])[^\s"'\\&;,]+`, flags: "i" },
  // "name":"value" of JSON as text, and of JSON within JSON.
  { pattern: String.raw`((?:${SECRET_NAME})"\s*:\s*")(?!\[redacted\])(?:[^"\\]|\\.)+`, flags: "i" },
  { pattern: String.raw`((?:${SECRET_NAME})\\"\s*:\s*\\")(?!\[redacted\])(?:[^"\\]|\\{3}["\\]|\\{1,2}[^"\\])+`, flags: "i" },
];

/** One pass for all shapes of the same letter case; a text that holds none is left alone. */
const detectors = [undefined, "i"].map(
  (flags) =>
    new RegExp(
      shapes
        .filter((shape) => shape.flags === flags)
        .map((shape) => shape.pattern)
        .join("|"),
      flags,
    ),
);
const replacements = shapes.map(({ pattern, flags }) => new RegExp(pattern, `g${flags ?? ""}`));

export function hasKnownShape(text: string): boolean {
  return detectors.some((detector) => detector.test(text));
}

/** The text with everything that looks like a secret replaced by the mark. */
export function replaceKnownShapes(text: string): string {
  if (!hasKnownShape(text)) return text;
  return replacements.reduce(
    (result, pattern) => result.replace(pattern, (_match, kept: unknown) => (typeof kept === "string" ? kept + MARK : MARK)),
    text,
  );
}
