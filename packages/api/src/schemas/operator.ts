import { z } from "zod";
import { agentStatusSchema } from "./agent.ts";
import { idSchema, timeSchema } from "./base.ts";
import { periodSchema, usageTotalsSchema } from "./usage.ts";
import { tierSchema } from "./user.ts";

/** An account as the operator of an installation sees it. */
export const operatorUserSchema = z.object({
  id: idSchema,
  /** The issuer's `sub`. */
  externalId: z.string(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  subscriptionTier: tierSchema,
  disabledAt: timeSchema.nullable(),
  createdAt: timeSchema,
});
export type OperatorUser = z.output<typeof operatorUserSchema>;

const count = z.int().min(0);

export const operatorStatsSchema = z.object({
  users: z.object({ total: count, disabled: count, byTier: z.record(tierSchema, count) }),
  /** Deleted agents are not counted. */
  agents: z.object({ total: count, byStatus: z.record(agentStatusSchema, count) }),
  /** Paid plans that run, cancelled ones until they end included. */
  subscriptions: z.object({ running: count }),
  /** Everybody's usage in the current month. */
  usage: usageTotalsSchema.extend({ period: periodSchema }),
  /** What the last comparison of the counters with the events themselves has found; null before the first. */
  reconciliation: z
    .object({
      finishedAt: timeSchema,
      accounts: count,
      /** Accounts whose counters are not what their events come to; 0 unless something is wrong. */
      drifting: count,
      /** How far they are from it, either way, all accounts together. */
      drift: z.object({ requests: z.number(), tokens: z.number(), computeMs: z.number() }),
    })
    .nullable(),
});
export type OperatorStats = z.output<typeof operatorStatsSchema>;

/** What a Cloudflare account holds for an installation. */
export const cloudflareSetupSchema = z.object({
  /** The dispatch namespace of tenants' scripts. */
  namespace: z.string(),
  /** False when it was there already. */
  namespaceCreated: z.boolean(),
  dispatchWorker: z.string(),
  dispatchUrl: z.url(),
  tailWorker: z.string(),
  /** Names the version of the installation's own Workers that runs now. */
  build: z.string(),
});
export type CloudflareSetup = z.output<typeof cloudflareSetupSchema>;
