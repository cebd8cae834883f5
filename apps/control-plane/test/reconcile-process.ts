// Reconciles until it is killed.
import { openDatabase } from "@whs/platform/db";
import { createLogger } from "@whs/platform/log";
import type { Schema } from "../src/database.ts";
import { reconcileUsage } from "../src/features/usage/index.ts";

const log = createLogger({ name: "child", level: "silent" });
const { kysely: db } = openDatabase<Schema>({ url: process.argv[2] ?? "", applicationName: "reconcile-process", log });
await reconcileUsage({ db, log, now: () => new Date() });
