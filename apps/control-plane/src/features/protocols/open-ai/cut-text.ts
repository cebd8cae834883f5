/** Where an answer ends before the agent does: at a stop text, or after so many tokens as they are estimated. */
export interface TextCut {
  /** Takes the next piece. @returns what may be shown by now */
  take(piece: string): string;
  /** The agent has ended. @returns what was held back, since it might have begun a stop text */
  rest(): string;
  /** Why the text ends where it does. */
  readonly reason: "stop" | "length";
}

/** As tokens are estimated: one for every four characters, in UTF-16 units. */
const charactersPerToken = 4;

/** A stop text is not shown. Of several, the one that is complete first counts, as where a model would have stopped; of those that end together, the longest. */
export function createTextCut({ stop, maxTokens }: { stop: readonly string[]; maxTokens: number | undefined }): TextCut {
  const longest = Math.max(0, ...stop.map((text) => text.length));
  let left = maxTokens === undefined ? Number.POSITIVE_INFINITY : maxTokens * charactersPerToken;
  let held = "";
  let ended = false;
  let reason: "stop" | "length" = "stop";
  const show = (text: string): string => {
    if (text.length <= left) {
      left -= text.length;
      return text;
    }
    const shown = text.slice(0, endOfCharacters(text, left));
    ended = true;
    reason = "length";
    return shown;
  };
  return {
    take(piece) {
      if (ended) return "";
      held += piece;
      const stopsAt = firstStop(held, stop);
      const at = stopsAt ?? Math.max(0, held.length - Math.max(0, longest - 1));
      const shown = show(held.slice(0, at));
      held = held.slice(at);
      if (stopsAt !== undefined) ended = true;
      return shown;
    },
    rest: () => (ended ? "" : show(held)),
    get reason() {
      return reason;
    },
  };
}

/** Where the stop text begins that counts. */
function firstStop(text: string, stop: readonly string[]): number | undefined {
  let first: { begin: number; end: number } | undefined;
  for (const word of stop) {
    const begin = text.indexOf(word);
    if (begin < 0) continue;
    const end = begin + word.length;
    if (first === undefined || end < first.end || (end === first.end && begin < first.begin)) first = { begin, end };
  }
  return first?.begin;
}

/** A pair of surrogates is one character: half of it is no text. */
function endOfCharacters(text: string, end: number): number {
  const isHigh = end > 0 && /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return isHigh ? end - 1 : end;
}
