/** A form longer than this matches by its beginning, then as far as the text agrees: also where a text was cut. */
export const PREFIX_LENGTH = 256;

/**
 * Texts in order, so that the longest one found at a place in a text is found by bisection: even a thousand forms that
 * are made to look alike cost some thousand steps, however their owner chose them.
 */
export class SortedForms {
  readonly #forms: string[];
  /** For each form the index of the longest other one that it begins with; -1 for none. */
  readonly #parents: Int32Array;

  constructor(forms: Iterable<string>) {
    this.#forms = [...new Set(forms)].toSorted(byCodeUnits);
    this.#parents = new Int32Array(this.#forms.length).fill(-1);
    for (let index = 1; index < this.#forms.length; index++) {
      let parent = index - 1;
      while (parent >= 0 && !this.#formAt(index).startsWith(this.#formAt(parent))) parent = this.#parents[parent] ?? -1;
      this.#parents[index] = parent;
    }
  }

  /** Length of the longest match that starts at `start`; 0 when there is none. */
  matchLength(text: string, start: number): number {
    let low = 0;
    let high = this.#forms.length;
    // The forms that agree longest with the text are the neighbours of its place in the order.
    let agreeing = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const form = this.#formAt(middle);
      const common = commonLength(form, text, start);
      agreeing = Math.max(agreeing, common);
      if (common === form.length || form.charCodeAt(common) < text.charCodeAt(start + common)) low = middle + 1;
      else high = middle;
    }
    if (agreeing >= PREFIX_LENGTH) return agreeing;
    // A form that the text begins with is the one before its place in the order, or what that one begins with.
    let index = low - 1;
    const common = commonLength(this.#formAt(index), text, start);
    while (index >= 0 && this.#formAt(index).length > common) index = this.#parents[index] ?? -1;
    return index < 0 ? 0 : this.#formAt(index).length;
  }

  #formAt(index: number): string {
    return this.#forms[index] ?? "";
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function commonLength(form: string, text: string, start: number): number {
  const length = Math.min(form.length, text.length - start);
  let common = 0;
  while (common < length && form.charCodeAt(common) === text.charCodeAt(start + common)) common += 1;
  return common;
}
