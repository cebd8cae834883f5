import type { fleetprompt } from "@whs/api";

/** How words are looked for: as beginnings of words, or as words that differ in a letter or two. */
export type SearchMode = { kind: "prefix"; query: string; phrase: string } | { kind: "fuzzy"; query: string };

/** Words that listings have, by the mistyped word that they are like. */
export type Alike = Readonly<Record<string, readonly string[]>>;

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

/** The words among these that are long enough to be mistyped. */
export function mistypableOf(words: readonly string[]): string[] {
  return words.filter((word) => word.length >= leastFuzzyLength && word.length <= longestFuzzyWord);
}

/**
 * Words with two letters swapped or one too many are looked up as what was meant; for what is missing or wrong there are the
 * words that are alike.
 */
export function fuzzyMode(words: readonly string[], alike: Alike): SearchMode {
  const mistypable = new Set(mistypableOf(words));
  const ways = (word: string): string[] => [
    prefix(word),
    ...(mistypable.has(word) ? variantsOf(word).map(prefix) : []),
    ...(Object.hasOwn(alike, word) ? (alike[word] ?? []) : []).map((other) => `'${other}':AB`),
  ];
  return { kind: "fuzzy", query: words.map((word) => `(${ways(word).join(" | ")})`).join(" & ") };
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
