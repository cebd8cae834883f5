import { createHash } from "node:crypto";

/**
 * The places for a key, the best first, by rendezvous hashing: every process that knows the same places comes to the same order,
 * and a place that comes or goes moves only the keys that it is the best for.
 */
export function rendezvous<P extends { readonly name: string }>(places: readonly P[], key: string): P[] {
  return places
    .map((place) => ({ place, score: createHash("sha256").update(`${place.name}\0${key}`).digest("hex") }))
    .toSorted((a, b) => (a.score < b.score ? 1 : -1))
    .map(({ place }) => place);
}
