// A gateway that takes a lease, spends some of it, says so, and waits to be killed.
import { openDatabase } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import type { Entitlements } from "@whs/api";
import type { Schema } from "../src/database.ts";
import { createBudgets } from "../src/features/limits/budgets.ts";

const [url = "", userId = "", limit = "0", spend = "0"] = process.argv.slice(2);
const log = createLogger({ name: "child", level: "silent" });
const { kysely: db } = openDatabase<Schema>({ url, applicationName: "spend-budget", log });
const budgets = createBudgets({ db, log, now: () => new Date(), gatewayId: "0000dead" });
const entitlements = { maxRequestsPerPeriod: Number(limit), maxTokensPerPeriod: 1e9, maxComputeMsPerPeriod: 1e9 } as Entitlements;
for (let index = 0; index < Number(spend); index++)
  await budgets.reserve({ id: userId, tier: "free" }, entitlements, { tokens: 0, computeMs: 0 });
process.stdout.write(`spent ${spend}\n`);
setInterval(() => undefined, 60_000);
