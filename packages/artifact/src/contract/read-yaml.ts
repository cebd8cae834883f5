import { Composer, CST, Lexer, LineCounter, Parser, type Document } from "yaml";
import { finding, type Finding } from "./finding.ts";
import type { FindingCode } from "./finding-codes.ts";

/** Five thousand files in each of a few entries; a manifest has a few hundred bytes a file. */
export const MAX_MANIFEST_FILE_BYTES = 4 * 1024 * 1024;
/** The schema has 7 levels; `runtime_meta` is free below them. Bounds the recursion of all who read the value. */
const MAX_DEPTH = 32;
/** Twice what the schema takes. The search for repeated keys takes quadratic time in these. */
const MAX_LIST_ITEMS = 10_000;
const MAX_KEYS = 1_000;

export interface ReadYaml {
  document: Document.Parsed;
  value: unknown;
  /** Where the value at this path, or the nearest one around it, stands. */
  positionOf(path: readonly PropertyKey[]): { line: number; column: number } | undefined;
}

/**
 * One YAML 1.2 document of the core schema, without what makes YAML dangerous or ambiguous: anchors and aliases, tags,
 * directives, repeated keys, deep nesting. Never throws: whatever is wrong with the bytes is a finding.
 */
export function readYaml(bytes: Uint8Array): { ok: true; yaml: ReadYaml } | { ok: false; finding: Finding } {
  const refuse = (code: FindingCode, message: string, position?: { line: number; column: number }) =>
    ({ ok: false, finding: finding(code, { path: "", message, position }) }) as const;
  if (bytes.length > MAX_MANIFEST_FILE_BYTES)
    return refuse("PAYLOAD_MANIFEST_TOO_LARGE", `The manifest has ${bytes.length} bytes; the limit is ${MAX_MANIFEST_FILE_BYTES}.`);
  const text = decode(bytes);
  if (text === null) return refuse("PAYLOAD_MANIFEST_ENCODING", "The manifest is not valid UTF-8.");
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const tooDeep = findDepth(text);
  if (tooDeep !== null) return refuse(tooDeep.code, tooDeep.message);
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const unwanted = findUnwanted(tokens);
  if (unwanted !== null) return refuse(unwanted.code, unwanted.message, at(unwanted.offset));
  const [document, second] = [
    ...new Composer({ version: "1.2", schema: "core", uniqueKeys: true, strict: true, stringKeys: true, logLevel: "silent" }).compose(
      tokens,
      true,
      text.length,
    ),
  ];
  if (document === undefined) return refuse("PAYLOAD_MANIFEST_SHAPE", "The manifest is empty.");
  if (second !== undefined) return refuse("PAYLOAD_MANIFEST_DOCUMENTS", "The file holds more than one YAML document.", at(second.range[0]));
  const [error] = document.errors;
  if (error !== undefined) {
    const code = error.code === "DUPLICATE_KEY" ? "PAYLOAD_MANIFEST_DUPLICATE_KEY" : "PAYLOAD_MANIFEST_YAML";
    const message =
      code === "PAYLOAD_MANIFEST_DUPLICATE_KEY"
        ? "A key stands twice in the same mapping."
        : `The manifest is no YAML: ${explain(error.message)}`;
    return refuse(code, message, at(error.pos[0]));
  }
  return { ok: true, yaml: { document, value: document.toJS({ maxAliasCount: 0 }), positionOf: (path) => positionOf(document, path, at) } };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The parser's messages may quote the text around a mistake, where a secret may stand; their first sentence does not. */
function explain(message: string): string {
  return (
    message
      .split("\n", 1)[0]
      ?.replace(/(?:["'`]).*$/s, "…")
      .slice(0, 120) ?? ""
  );
}

interface Unwanted {
  code: FindingCode;
  message: string;
  offset: number;
}

const TOO_DEEP = {
  code: "PAYLOAD_MANIFEST_DEPTH",
  message: `The manifest is nested more than ${MAX_DEPTH} levels deep.`,
  offset: 0,
} as const;

/** Looks at the characters alone: the parser takes quadratic time in the depth of brackets, and of indicators in one line. */
function findDepth(text: string): Unwanted | null {
  let depth = 0;
  let indicators = 0;
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (isScalar) isScalar = false;
    else if (lexeme === CST.SCALAR) isScalar = true;
    else if (lexeme === "[" || lexeme === "{") depth += 1;
    else if (lexeme === "]" || lexeme === "}") depth -= 1;
    else if (/^\r?\n/.test(lexeme)) indicators = 0;
    else if (depth === 0 && (lexeme === "-" || lexeme === "?" || lexeme === ":")) indicators += 1;
    if (depth > MAX_DEPTH || indicators > MAX_DEPTH) return TOO_DEEP;
  }
  return null;
}

const REFUSED: Readonly<Record<string, readonly [FindingCode, string]>> = {
  anchor: ["PAYLOAD_MANIFEST_ALIAS", "The manifest has an anchor."],
  alias: ["PAYLOAD_MANIFEST_ALIAS", "The manifest has an alias."],
  tag: ["PAYLOAD_MANIFEST_TAG", "The manifest has a tag."],
  directive: ["PAYLOAD_MANIFEST_TAG", "The manifest has a directive."],
};

/** Looks at the tokens before anything is made of them, and does so without recursion. */
function findUnwanted(tokens: readonly CST.Token[]): Unwanted | null {
  const pending = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    const refused = REFUSED[token.type];
    if (refused !== undefined) return { code: refused[0], message: refused[1], offset: token.offset };
    if (depth > MAX_DEPTH) return { ...TOO_DEEP, offset: token.offset };
    if (CST.isCollection(token) && token.items.length > (isMapping(token) ? MAX_KEYS : MAX_LIST_ITEMS))
      return {
        code: "PAYLOAD_MANIFEST_TOO_LARGE",
        message: "A list or mapping of the manifest is longer than any that the schema takes.",
        offset: token.offset,
      };
    for (const part of partsOf(token)) pending.push({ token: part, depth: depth + (CST.isCollection(token) ? 1 : 0) });
  }
  return null;
}

function isMapping(token: CST.BlockMap | CST.BlockSequence | CST.FlowCollection): boolean {
  return token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
}

function partsOf(token: CST.Token): CST.Token[] {
  if (token.type === "document") return [...token.start, ...(token.value === undefined ? [] : [token.value]), ...(token.end ?? [])];
  if (!CST.isCollection(token)) return [];
  return token.items.flatMap(({ start, key, sep, value }) => [
    ...start,
    ...(sep ?? []),
    ...[key, value].filter((part) => part !== undefined && part !== null),
  ]);
}

function positionOf(document: Document.Parsed, path: readonly PropertyKey[], at: (offset: number) => { line: number; column: number }) {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range)) return at(Number(node.range[0]));
  }
  return undefined;
}
