/**
 * Bounds on what a parser has to do. Some texts of twenty thousand characters take it seconds, or exhaust its stack; no
 * text that anybody reads comes near these figures. They are checked before anything is parsed.
 */
const bounds = {
  lines: 2_000,
  /** Lines with a `|`, which may be rows of a table. */
  rows: 500,
  /** Quotes and lists opened in one line. */
  containersInLine: 64,
  /** Runs of `*`, `_` and `~` in one paragraph: each is compared with each. */
  marksInParagraph: 600,
  marks: 3_000,
  /** Of each of these. */
  brackets: 1_500,
};

/** @returns what is too much, as the end of a sentence; undefined when nothing is */
export function tooMuchEffort(markdown: string): string | undefined {
  const lines = markdown.split(/\r\n|\r|\n/);
  if (lines.length > bounds.lines) return `has more than ${bounds.lines} lines`;
  if (lines.filter((line) => line.includes("|")).length > bounds.rows) return `has more than ${bounds.rows} lines with "|"`;
  for (const line of lines) {
    const prefix = /^[\s>*+\-\d.)]*/.exec(line)?.[0] ?? "";
    if (count(prefix, /[>*+-]|\d+[.)]/g) > bounds.containersInLine && !/^[\s*]*$|^[\s-]*$/.test(line))
      return `opens more than ${bounds.containersInLine} quotes and lists in one line`;
  }
  const paragraphs = markdown.split(/(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)/);
  if (paragraphs.some((paragraph) => count(paragraph, /([*_~])\1*/g) > bounds.marksInParagraph))
    return `has more than ${bounds.marksInParagraph} marks of emphasis in one paragraph`;
  if (count(markdown, /([*_~])\1*/g) > bounds.marks) return `has more than ${bounds.marks} marks of emphasis`;
  for (const bracket of ["[", "<"])
    if (markdown.split(bracket).length - 1 > bounds.brackets) return `has more than ${bounds.brackets} times "${bracket}"`;
  return undefined;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
