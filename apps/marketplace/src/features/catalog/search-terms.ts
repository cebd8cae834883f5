import type { fleetprompt } from "@whs/api";

/** How words are looked for: as beginnings of words, or as words that differ in a letter or two. */
export type SearchMode =
  | { kind: "prefix"; query: string; phrase: string }
  | { kind: "fuzzy"; words: { word: string; query: string; similar: boolean }[] };

export interface SearchFilters {
  sort: fleetprompt.SearchSort;
  mode: SearchMode | undefined;
  tags: readonly string[];
  categories: readonly string[];
  assetKind: fleetprompt.AssetKind | undefined;
}

/** Sort key and id of the last item of a page. */
export type SearchPosition = readonly [position: string, id: string];

/** As many words of a query count. */
const maxWords = 12;
/** Shorter words have no typing errors: too many others are like them. */
const leastFuzzyLength = 4;
const longestFuzzyWord = 24;

/** Words of a query, as the database parts the words of listings. */
export function wordsOf(q: string | undefined): string[] {
  return [...new Set((q ?? "").toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [])].slice(0, maxWords);
}

export function prefixMode(q: string, words: readonly string[]): SearchMode {
  return { kind: "prefix", query: words.map(prefix).join(" & "), phrase: q.trim().toLowerCase() };
}

/**
 * Words with two letters swapped or one too many are looked up as what was meant; what is missing or wrong is found by
 * similarity. @returns undefined when no word is long enough to be mistyped
 */
export function fuzzyMode(words: readonly string[]): SearchMode | undefined {
  const fuzzy = (word: string): boolean => word.length >= leastFuzzyLength && word.length <= longestFuzzyWord;
  if (!words.some(fuzzy)) return undefined;
  return {
    kind: "fuzzy",
    words: words.map((word) => ({
      word,
      query: (fuzzy(word) ? [word, ...variantsOf(word)] : [word]).map(prefix).join(" | "),
      similar: fuzzy(word),
    })),
  };
}

function variantsOf(word: string): string[] {
  const letters = Array.from(word);
  const swapped = letters.slice(1).map((_, index) => {
    const copy = [...letters];
    [copy[index], copy[index + 1]] = [letters[index + 1] ?? "", letters[index] ?? ""];
    return copy.join("");
  });
  const shortened = letters.map((_, index) => letters.filter((_letter, other) => other !== index).join(""));
  return [...new Set([...swapped, ...shortened.filter((variant) => variant.length >= leastFuzzyLength - 1)])].filter(
    (variant) => variant !== word,
  );
}

/** Letters and digits alone, so there is nothing to escape. */
function prefix(word: string): string {
  return `'${word}':*`;
}
