import { setTimeout as delay } from "node:timers/promises";
import { median, percentile, publish, round } from "./figures.ts";
import { generateListings, startMarketplace, type Marketplace } from "./marketplace.ts";
import { startVerdaccio, type Verdaccio } from "./verdaccio.ts";

const listings = 100_000;
const rounds = 3;
const requestsARound = 40;
/** The peer gets this long. */
const peerMs = 60_000;

interface Query {
  name: string;
  path: string;
  sql: string;
  values: unknown[];
  peer: string | null;
}

const card = "l.id, l.name, l.summary, l.tags, l.categories, l.images, l.updated_at, p.display_name";
const page = (condition: string, order: string): string =>
  `select ${card} from fleetprompt.listings l join fleetprompt.publisher_profiles p on p.id = l.publisher_id
   where l.status = 'published' and ${condition} order by ${order}, l.id desc limit 21`;
const ranked = (condition: string): string => page(condition, "ts_rank(l.search, to_tsquery('simple', $1), 1) desc");
const words = "l.search @@ to_tsquery('simple', $1)";

const queries: readonly Query[] = [
  { name: "one word", path: "?q=invoice&limit=20", sql: ranked(words), values: ["'invoice':*"], peer: "invoice" },
  { name: "two words", path: "?q=fast+transl&limit=20", sql: ranked(words), values: ["'fast':* & 'transl':*"], peer: "translation" },
  {
    name: "a typing error",
    path: "?q=calandar&limit=20",
    sql: ranked(words),
    values: ["'calendar':AB"],
    peer: null,
  },
  {
    name: "a tag, newest first",
    path: "?tags=invoice&sort=updated&limit=20",
    sql: page("l.tags @> array[$1]", "l.updated_at desc"),
    values: ["invoice"],
    peer: null,
  },
  { name: "all, newest first", path: "?sort=updated&limit=20", sql: page("true", "l.updated_at desc"), values: [], peer: null },
];

/** A page over HTTP against the same page by SQL alone, and against a package registry with as many entries. */
export async function benchSearch(args: readonly string[]): Promise<void> {
  const marketplace = await startMarketplace();
  let verdaccio: Verdaccio | undefined;
  try {
    await generateListings(marketplace, listings);
    if (!args.includes("--without-peer")) verdaccio = await startVerdaccio(marketplace.dataDir, listings);
    const rows = [];
    for (const query of queries) rows.push(await compare(marketplace, verdaccio, query));
    await publish({ benchmark: "search", rows });
  } finally {
    await verdaccio?.stop();
    await marketplace.stop();
  }
}

async function compare(
  { url, pool }: Marketplace,
  verdaccio: Verdaccio | undefined,
  query: Query,
): Promise<Record<string, string | number>> {
  const http = () => fetchOk(`${url}/v1/public/listings/search${query.path}`);
  const client = await pool.connect();
  const sql = async () => void (await client.query({ name: query.name, text: query.sql, values: query.values }));
  const times: Record<"http" | "sql" | "peer", number[]> = { http: [], sql: [], peer: [] };
  for (let index = 0; index < rounds; index++) {
    times.sql.push(...(await measure(requestsARound, sql)));
    times.http.push(...(await measure(requestsARound, http)));
    const { peer } = query;
    if (verdaccio !== undefined && peer !== null && index === 0) {
      const { url: registry } = verdaccio;
      // It reads every package for a search, which takes it long: once says enough.
      times.peer.push(await time(() => answerWithin(peerMs, `${registry}/-/v1/search?text=${peer}&size=20`)));
    }
    await delay(100);
  }
  client.release(true);
  return {
    query: query.name,
    listings,
    "SQL p50 ms": round(median(times.sql), 1),
    "HTTP p50 ms": round(median(times.http), 1),
    "HTTP p95 ms": round(percentile(times.http, 0.95), 1),
    "added ms": round(median(times.http) - median(times.sql), 1),
    "Verdaccio p50 ms": times.peer.length === 0 ? "–" : peerFigure(median(times.peer)),
  };
}

async function measure(count: number, once: () => Promise<void>): Promise<number[]> {
  await once();
  const times: number[] = [];
  for (let index = 0; index < count; index++) times.push(await time(once));
  return times;
}

async function time(once: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await once();
  return performance.now() - startedAt;
}

async function fetchOk(url: string): Promise<void> {
  const response = await fetch(url);
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
}

/** Waits for an answer, and no longer than that. */
async function answerWithin(milliseconds: number, url: string): Promise<void> {
  try {
    await (await fetch(url, { signal: AbortSignal.timeout(milliseconds) })).arrayBuffer();
  } catch (error) {
    if (!(error instanceof Error && error.name === "TimeoutError")) throw error;
  }
}

function peerFigure(milliseconds: number): string | number {
  return milliseconds >= peerMs ? `over ${peerMs}` : round(milliseconds, 0);
}
