import type { FacetRow } from "./store.ts";

/** Counts of facets cost more than a page and change slowly: those of a search are remembered for a moment. */
export interface FacetCache {
  get(asked: string, count: () => Promise<FacetRow[]>): Promise<FacetRow[]>;
}

const rememberedMs = 15_000;
const maxSearches = 1_000;

export function createFacetCache(nowMs: () => number = () => performance.now()): FacetCache {
  const known = new Map<string, { until: number; rows: FacetRow[] }>();
  return {
    async get(asked, count) {
      const found = known.get(asked);
      if (found !== undefined && found.until > nowMs()) return found.rows;
      const rows = await count();
      known.delete(asked);
      known.set(asked, { until: nowMs() + rememberedMs, rows });
      const oldest = known.keys().next();
      if (known.size > maxSearches && !oldest.done) known.delete(oldest.value);
      return rows;
    },
  };
}
