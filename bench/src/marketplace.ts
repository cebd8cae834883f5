import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";

const seeds = path.resolve(import.meta.dirname, "../../apps/marketplace/seeds/listings.sql");
const rateClasses = ["SEARCH", "READ", "ACCOUNT", "WRITE", "INSTALL", "REPORT", "INTERNAL", "OPERATOR"];

export interface Marketplace {
  stack: Stack;
  url: string;
  /** The marketplace's own database. */
  pool: pg.Pool;
  dataDir: string;
  stop(): Promise<void>;
}

/** FleetPrompt with what it needs, without limits of rates, on a data directory of its own. */
export async function startMarketplace(): Promise<Marketplace> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "whs-bench-"));
  const unlimited = Object.fromEntries(rateClasses.map((name) => [`FLEETPROMPT_RATE_${name}`, "off"]));
  const stack = await startStack({
    dataDir,
    ports: FREE_PORTS,
    processes: ["identity", "fleetprompt"],
    environment: { ...process.env, LOG_LEVEL: "warn", ...unlimited },
  });
  const database = new URL(stack.endpoints.postgres ?? "");
  database.pathname = "/fleetprompt";
  const pool = new pg.Pool({ connectionString: database.href, max: 4 });
  return {
    stack,
    url: stack.endpoints.fleetprompt ?? "",
    pool,
    dataDir,
    async stop() {
      await pool.end();
      await stack.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Fills the marketplace with generated listings. */
export async function generateListings({ pool }: Pick<Marketplace, "pool">, count: number): Promise<void> {
  const client = await pool.connect();
  try {
    const generator = (await readFile(seeds, "utf8")).replaceAll(":listings", String(count));
    for (const statement of generator.split(/;\n\n/)) await client.query(statement.replace(/\nvacuum[^;]*;/, ""));
    await client.query("vacuum (analyze) fleetprompt.listings");
    await client.query("analyze");
  } finally {
    client.release(true);
  }
}
