import { PREFIX_LENGTH, SortedForms } from "./sorted-forms.ts";
import { MIN_VALUE_LENGTH } from "./value-forms.ts";

export const MARK = "[redacted]";

/** Characters that are hashed together, and the size of the table they are looked up in. */
const BLOCK = 3;
const TABLE_SIZE = 1 << 16;

/**
 * Finds any of many texts in one pass, most characters unseen: the algorithm of Wu and Manber ("A fast algorithm for
 * multi-pattern searching", 1994) with blocks of three characters.
 */
export class ValueMatcher {
  /** By the hash of the block that ends a window: how far the window can move on. */
  readonly #shifts = new Uint8Array(TABLE_SIZE).fill(MIN_VALUE_LENGTH - BLOCK + 1);
  readonly #formsByStart = new Map<string, SortedForms>();

  constructor(forms: Iterable<string>) {
    const byStart = Map.groupBy(forms, (form) => form.slice(0, MIN_VALUE_LENGTH));
    for (const [start, sameStart] of byStart) {
      if (start.length < MIN_VALUE_LENGTH) continue;
      this.#formsByStart.set(start, new SortedForms(sameStart));
      for (let end = BLOCK - 1; end < MIN_VALUE_LENGTH; end++) {
        const block = hashOfBlock(start, end);
        this.#shifts[block] = Math.min(this.#shifts[block] ?? 0, MIN_VALUE_LENGTH - 1 - end);
      }
    }
  }

  /** Whether the text contains a form. */
  test(text: string): boolean {
    return this.#next(text, 0) !== undefined;
  }

  /** The text with every form, and forms that overlap as one, replaced by the mark. */
  replace(text: string): string {
    let match = this.#next(text, 0);
    if (match === undefined) return text;
    let result = "";
    let copied = 0;
    while (match !== undefined) {
      let { end } = match;
      const { start } = match;
      let inner = this.#next(text, nextStart(start, end));
      while (inner !== undefined && inner.start < end) {
        end = Math.max(end, inner.end);
        inner = this.#next(text, nextStart(inner.start, inner.end));
      }
      result += text.slice(copied, start) + MARK;
      copied = end;
      match = inner;
    }
    return result + text.slice(copied);
  }

  #next(text: string, from: number): { start: number; end: number } | undefined {
    if (this.#formsByStart.size === 0) return undefined;
    let windowEnd = from + MIN_VALUE_LENGTH - 1;
    while (windowEnd < text.length) {
      const shift = this.#shifts[hashOfBlock(text, windowEnd)] ?? 1;
      if (shift > 0) {
        windowEnd += shift;
        continue;
      }
      const start = windowEnd - MIN_VALUE_LENGTH + 1;
      const length = this.#formsByStart.get(text.slice(start, windowEnd + 1))?.matchLength(text, start) ?? 0;
      if (length > 0) return { start, end: start + length };
      windowEnd += 1;
    }
    return undefined;
  }
}

/** Overlaps are looked for everywhere in an ordinary match and at the end of a very long one. */
function nextStart(start: number, end: number): number {
  return Math.max(start + 1, end - PREFIX_LENGTH);
}

function hashOfBlock(text: string, end: number): number {
  return ((text.charCodeAt(end - 2) << 10) ^ (text.charCodeAt(end - 1) << 5) ^ text.charCodeAt(end)) & (TABLE_SIZE - 1);
}
