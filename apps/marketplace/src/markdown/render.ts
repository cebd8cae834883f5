/** The one way from what people write to HTML: descriptions, release notes and bios. */
import { invalidRequest } from "@whs/platform/errors";
import type { Nodes, Root } from "mdast";
import { createHash } from "node:crypto";
import rehypeSanitize from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";
import { tooMuchEffort } from "./effort.ts";
import { allowed, restrictLinks } from "./policy.ts";

/** Levels of quotes, lists and emphasis; deeper ones exhaust the stack of whoever walks the tree. */
const maxDepth = 64;
const remembered = 1_000;

const parser = unified().use(remarkParse).use(remarkGfm);
/** Raw HTML becomes nothing here, before anything is sanitised. */
const renderer = unified().use(remarkRehype).use(rehypeSanitize, allowed).use(restrictLinks).use(rehypeStringify);

const known = new Map<string, string>();

/** The same HTML for the same text, always. What was shown lately is remembered. */
export function renderMarkdown(markdown: string): string {
  if (markdown === "") return "";
  const digest = createHash("sha256").update(markdown).digest("base64");
  const html = known.get(digest) ?? render(markdown);
  known.delete(digest);
  known.set(digest, html);
  const oldest = known.keys().next();
  if (known.size > remembered && !oldest.done) known.delete(oldest.value);
  return html;
}

function render(markdown: string): string {
  const tree = parse(markdown);
  if (typeof tree === "string") throw new Error(`A stored text cannot be shown: it ${tree}`);
  return renderer.stringify(renderer.runSync(tree));
}

/** @throws AppError for a text that is kept by nobody, so that what is kept can always be shown */
export function requireRenderable(fieldName: string, markdown: string): void {
  const tree = parse(markdown);
  if (typeof tree === "string") throw invalidRequest([{ fieldName, message: tree }]);
}

/** @returns the tree, or what is too much */
function parse(markdown: string): Root | string {
  const tooMuch = tooMuchEffort(markdown);
  if (tooMuch !== undefined) return tooMuch;
  const tree: Root = parser.parse(markdown);
  return depthOf(tree) > maxDepth ? `is nested deeper than ${maxDepth} levels` : tree;
}

function depthOf(tree: Root): number {
  let level: Nodes[] = [tree];
  let depth = 0;
  while (level.length > 0) {
    depth += 1;
    level = level.flatMap((node) => ("children" in node ? node.children : []));
  }
  return depth;
}
