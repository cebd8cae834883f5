import { signatureHeader } from "@whs/platform/signatures";
import { createHash, randomBytes } from "node:crypto";
import { median, publish, round } from "./figures.ts";
import { generateListings, type Marketplace, startMarketplace } from "./marketplace.ts";

const rounds = 3;
const tokensARound = 300;
const connections = [1, 16] as const;

/** Redeeming install tokens over HTTP, signed, against the one transaction that it comes to by SQL alone. */
export async function benchRedeem(): Promise<void> {
  const marketplace = await startMarketplace();
  try {
    await generateListings(marketplace, 1_000);
    const rows = [];
    for (const workers of connections) rows.push(await compare(marketplace, workers));
    await publish({ benchmark: "redeem", rows });
  } finally {
    await marketplace.stop();
  }
}

async function compare(marketplace: Marketplace, workers: number): Promise<Record<string, string | number>> {
  const times: Record<"http" | "sql", number[]> = { http: [], sql: [] };
  const rates: Record<"http" | "sql", number[]> = { http: [], sql: [] };
  for (let index = 0; index < rounds; index++) {
    for (const side of ["sql", "http"] as const) {
      const tokens = await issue(marketplace, tokensARound);
      const startedAt = performance.now();
      times[side].push(
        ...(await spendAll(tokens, workers, (token) => (side === "http" ? redeem(marketplace, token) : spend(marketplace, token)))),
      );
      rates[side].push(tokens.length / ((performance.now() - startedAt) / 1000));
    }
  }
  return {
    connections: workers,
    "SQL/s": round(median(rates.sql), 0),
    "HTTP/s": round(median(rates.http), 0),
    ratio: round(median(rates.http) / median(rates.sql), 2),
    "SQL p50 ms": round(median(times.sql), 2),
    "HTTP p50 ms": round(median(times.http), 2),
  };
}

let issued = 0;

/** Tokens of intents for different listings, as the service stores them. */
async function issue({ pool }: Marketplace, count: number): Promise<string[]> {
  const tokens = Array.from({ length: count }, () => `fpi_${randomBytes(32).toString("base64url")}`);
  const numbers = tokens.map(() => (issued += 1));
  await pool.query(
    `insert into fleetprompt.install_intents (id, buyer_user_id, listing_id, release_id, target_system, status, expires_at)
     select 'int_' || lpad(n::text, 26, '0'), 'usr_' || lpad((1 + n % 1000)::text, 26, '0'), l.id, 'rel_' || right(l.id, 26), 'whs', 'token_issued', now() + interval '1 day'
     from unnest($1::int[]) n join fleetprompt.listings l on l.id = 'lst_' || lpad((1 + n % 19 + (n % 50) * 20)::text, 26, '0')`,
    [numbers],
  );
  await pool.query(
    `insert into fleetprompt.install_tokens (id, intent_id, token_sha256, expires_at)
     select 'tok_' || lpad(n::text, 26, '0'), 'int_' || lpad(n::text, 26, '0'), sha256(token::bytea), now() + interval '1 hour'
     from unnest($1::int[], $2::text[]) as t (n, token)`,
    [numbers, tokens],
  );
  return tokens;
}

async function spendAll(tokens: readonly string[], workers: number, once: (token: string) => Promise<void>): Promise<number[]> {
  const left = [...tokens];
  const times: number[] = [];
  const work = async (): Promise<void> => {
    for (let token = left.pop(); token !== undefined; token = left.pop()) {
      const startedAt = performance.now();
      await once(token);
      times.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return times;
}

const path = "/v1/internal/install/redeem";

async function redeem({ url, stack }: Marketplace, installToken: string): Promise<void> {
  const body = JSON.stringify({ installToken, targetSystem: "whs" });
  const timestamp = String(Date.now());
  const key = Buffer.from(stack.secrets.FLEETPROMPT_INTERNAL_REDEEM_SECRET);
  const response = await fetch(url + path, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-whs-delegation-source": "whs",
      "x-whs-delegation-timestamp": timestamp,
      "x-whs-delegation-signature": signatureHeader(key, { timestamp, source: "whs", method: "POST", path, body }),
    },
  });
  if (response.status !== 200) throw new Error(`Redeeming answers ${response.status}: ${await response.text()}`);
  await response.arrayBuffer();
}

/** What redeeming is at the least: lock, look, spend, count and record, in one transaction. */
async function spend({ pool }: Marketplace, token: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    const sha256 = createHash("sha256").update(token).digest();
    const { rows } = await client.query<{ id: string; intent_id: string; listing_id: string; buyer_user_id: string }>(
      `select t.id, i.id as intent_id, i.listing_id, i.buyer_user_id from fleetprompt.install_tokens t
       join fleetprompt.install_intents i on i.id = t.intent_id join fleetprompt.releases r on r.id = i.release_id
       where t.token_sha256 = $1 and t.status = 'issued' and t.expires_at > now() and r.status = 'published' for update of t, i`,
      [sha256],
    );
    const [found] = rows;
    if (found === undefined) throw new Error("A token is gone");
    await client.query("update fleetprompt.install_tokens set status = 'redeemed', redeemed_at = now() where id = $1", [found.id]);
    await client.query("update fleetprompt.install_intents set status = 'redeemed', updated_at = now() where id = $1", [found.intent_id]);
    await client.query(
      `insert into fleetprompt.listing_stats_daily as s (listing_id, day, redemptions) values ($1, current_date, 1)
       on conflict (listing_id, day) do update set redemptions = s.redemptions + 1`,
      [found.listing_id],
    );
    await client.query("update fleetprompt.listings set downloads_30d = downloads_30d + 1 where id = $1", [found.listing_id]);
    await client.query(
      "insert into fleetprompt.audit_log (id, user_id, actor, action, target) values ($1, $2, 'bench', 'install.redeemed', $3)",
      [`aud_${found.id}`, found.buyer_user_id, found.intent_id],
    );
    await client.query("commit");
  } finally {
    client.release();
  }
}
