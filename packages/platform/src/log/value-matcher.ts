import { MIN_VALUE_LENGTH } from "./value-forms.ts";

export const MARK = "[redacted]";

/** Characters that are hashed together, and the size of the table they are looked up in. */
const BLOCK = 3;
const TABLE_SIZE = 1 << 16;
/** A longer form matches by its beginning, then as far as the text agrees: bounds the work per character. */
const PREFIX_LENGTH = 256;

/**
 * Finds any of many texts in one pass, most characters unseen: the algorithm of Wu and Manber ("A fast algorithm for
 * multi-pattern searching", 1994) with blocks of three characters.
 */
export class ValueMatcher {
  /** By the hash of the block that ends a window: how far the window can move on. */
  readonly #shifts = new Uint8Array(TABLE_SIZE).fill(MIN_VALUE_LENGTH - BLOCK + 1);
  readonly #formsByStart = new Map<string, string[]>();

  constructor(forms: Iterable<string>) {
    for (const form of forms) {
      const start = form.slice(0, MIN_VALUE_LENGTH);
      if (start.length < MIN_VALUE_LENGTH) continue;
      const sameStart = this.#formsByStart.get(start);
      if (sameStart === undefined) this.#formsByStart.set(start, [form]);
      else sameStart.push(form);
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
      const end = this.#matchAt(text, start);
      if (end > start) return { start, end };
      windowEnd += 1;
    }
    return undefined;
  }

  /** Where the longest form that starts here ends; `start` when there is none. */
  #matchAt(text: string, start: number): number {
    let end = start;
    for (const form of this.#formsByStart.get(text.slice(start, start + MIN_VALUE_LENGTH)) ?? []) {
      if (!text.startsWith(form.length > PREFIX_LENGTH ? form.slice(0, PREFIX_LENGTH) : form, start)) continue;
      let length = Math.min(form.length, PREFIX_LENGTH);
      while (length < form.length && text.charCodeAt(start + length) === form.charCodeAt(length)) length += 1;
      end = Math.max(end, start + length);
    }
    return end;
  }
}

/** Overlaps are looked for everywhere in an ordinary match and at the end of a very long one. */
function nextStart(start: number, end: number): number {
  return Math.max(start + 1, end - PREFIX_LENGTH);
}

function hashOfBlock(text: string, end: number): number {
  return ((text.charCodeAt(end - 2) << 10) ^ (text.charCodeAt(end - 1) << 5) ^ text.charCodeAt(end)) & (TABLE_SIZE - 1);
}
