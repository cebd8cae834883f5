import { findNodeAtLocation, parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";
import type { z } from "zod";
import { agentManifestSchema, type AgentManifest } from "./manifest.ts";

export const MANIFEST_FILE = "agent.config.json";
export const MAX_MANIFEST_BYTES = 64 * 1024;
/** Deeper than the schema by far; bounds the parser's recursion. */
const MAX_NESTING = 64;

/** One thing that the author has to change. Lines and columns count from 1, columns in UTF-16 units. */
export interface ManifestFinding {
  file: typeof MANIFEST_FILE;
  /** `env.requiredKeys[0]`; absent when the file is no JSON at all, or as a whole of the wrong shape. */
  field?: string;
  message: string;
  line?: number;
  column?: number;
}

export type ParsedManifest =
  | {
      ok: true;
      manifest: AgentManifest;
      /** Where a top-level field stands, for findings that need more than the manifest. */ positionOf: (field: string) => Position;
    }
  | { ok: false; findings: readonly ManifestFinding[] };

interface Position {
  line?: number;
  column?: number;
}

/** Reads `agent.config.json`. Never throws: whatever is wrong with the bytes is a finding. */
export function parseManifest(bytes: Uint8Array): ParsedManifest {
  if (bytes.length > MAX_MANIFEST_BYTES) return refused({ message: `has ${bytes.length} bytes; the limit is ${MAX_MANIFEST_BYTES}` });
  const text = decode(bytes);
  if (text === null) return refused({ message: "is not valid UTF-8" });
  if (nestingOf(text) > MAX_NESTING) return refused({ message: `is nested more than ${MAX_NESTING} levels deep` });
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false });
  const [error] = errors;
  if (error !== undefined || tree === undefined) return refused({ message: syntaxMessage(error), ...positionAt(text, error?.offset ?? 0) });
  const repeated = repeatedKeys(tree, text);
  if (repeated.length > 0) return { ok: false, findings: repeated };
  const parsed = agentManifestSchema.safeParse(JSON.parse(text));
  if (parsed.success) return { ok: true, manifest: parsed.data, positionOf: (field) => positionOf(tree, text, [field]) };
  return { ok: false, findings: parsed.error.issues.flatMap((issue) => findingsOf(issue, tree, text)) };
}

function refused(finding: Omit<ManifestFinding, "file">): ParsedManifest {
  return { ok: false, findings: [{ file: MANIFEST_FILE, ...finding }] };
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, (depth += 1));
    else if (token === "]" || token === "}") depth -= 1;
  }
  return deepest;
}

const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  InvalidSymbol: "not JSON: an unknown word; texts and names need double quotes",
  InvalidNumberFormat: "not JSON: an invalid number",
  PropertyNameExpected: "not JSON: a field's name in double quotes is expected here",
  ValueExpected: "not JSON: a value is expected here",
  ColonExpected: 'not JSON: ":" is expected here',
  CommaExpected: 'not JSON: "," is expected here',
  CloseBraceExpected: 'not JSON: "}" is expected here',
  CloseBracketExpected: 'not JSON: "]" is expected here',
  EndOfFileExpected: "not JSON: something follows the end",
  InvalidCommentToken: "not JSON: comments are not allowed",
  UnexpectedEndOfComment: "not JSON: comments are not allowed",
  UnexpectedEndOfString: "not JSON: a text is not closed",
  UnexpectedEndOfNumber: "not JSON: an invalid number",
  InvalidUnicode: "not JSON: an invalid \\u escape",
  InvalidEscapeCharacter: "not JSON: an invalid escape",
  InvalidCharacter: "not JSON: an invalid character",
};

function syntaxMessage(error: ParseError | undefined): string {
  return (error === undefined ? undefined : SYNTAX_MESSAGES[printParseErrorCode(error.error)]) ?? "not JSON";
}

function positionAt(text: string, offset: number): Required<Position> {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** JSON readers differ in which of two equal names they keep. */
function repeatedKeys(node: Node, text: string): ManifestFinding[] {
  const nested = (node.children ?? []).flatMap((child) => repeatedKeys(child, text));
  if (node.type !== "object") return nested;
  const names = new Set<unknown>();
  const own = (node.children ?? []).flatMap((property) => {
    const key = property.children?.[0];
    if (key === undefined || !names.has(key.value)) {
      names.add(key?.value);
      return [];
    }
    return [
      {
        file: MANIFEST_FILE,
        field: String(key.value),
        message: "stands here twice",
        ...positionAt(text, key.offset),
      } satisfies ManifestFinding,
    ];
  });
  return [...own, ...nested];
}

function findingsOf(issue: z.core.$ZodIssue, tree: Node, text: string): ManifestFinding[] {
  if (issue.code !== "unrecognized_keys") return [findingAt(issue.path, messageOf(issue), tree, text)];
  return issue.keys.map((key) => findingAt([...issue.path, key], "is no field of the manifest", tree, text));
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.input === undefined) return `is required`;
  if (issue.code === "invalid_value") return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
  return issue.message;
}

function findingAt(path: readonly PropertyKey[], message: string, tree: Node, text: string): ManifestFinding {
  const field = path.reduce<string>(
    (name, part) => (typeof part === "number" ? `${name}[${part}]` : `${name}${name === "" ? "" : "."}${String(part)}`),
    "",
  );
  return { file: MANIFEST_FILE, ...(field === "" ? {} : { field }), message, ...positionOf(tree, text, path) };
}

/** Where the field stands, or the object that lacks it. */
function positionOf(tree: Node, text: string, path: readonly PropertyKey[]): Position {
  for (let length = path.length; length >= 0; length -= 1) {
    const parts = path.slice(0, length).map((part) => (typeof part === "number" ? part : String(part)));
    const node = findNodeAtLocation(tree, parts);
    if (node === undefined) continue;
    const isProperty = node.parent?.type === "property";
    return positionAt(text, isProperty ? (node.parent?.offset ?? node.offset) : node.offset);
  }
  return {};
}
