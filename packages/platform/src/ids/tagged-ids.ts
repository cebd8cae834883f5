import { createIds, systemRandom } from "./new-id.ts";
import { parseId, type Id, type IdPrefix } from "./type-id.ts";

/** Bytes at the end of an id that say who made it. */
const TAG_BYTES = 4;

/**
 * Ids whose last 32 bits are the maker's: what is known only by its id can be told apart by who made it. The time, a
 * counter and 30 random bits keep them unique.
 */
export function createTaggedIds(tag: string): { newId: <P extends IdPrefix>(prefix: P) => Id<P> } {
  if (!/^[0-9a-f]{8}$/.test(tag)) throw new RangeError("A tag has eight hexadecimal digits.");
  const bytes = Buffer.from(tag, "hex");
  return createIds({
    fillRandom: (target) => {
      systemRandom(target);
      // The counter's seed is shorter and stays random.
      if (target.length > TAG_BYTES) target.set(bytes, target.length - TAG_BYTES);
    },
  });
}

/** The last 32 bits of an id in hexadecimal, whoever made it; undefined when the text is no such id. */
export function tagOf(prefix: IdPrefix, id: string): string | undefined {
  return parseId(prefix, id)?.subarray(-TAG_BYTES).toString("hex");
}
