import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { cloudflareSetupSchema, operatorStatsSchema, operatorUserSchema } from "../schemas/operator.ts";
import { tierSchema } from "../schemas/user.ts";

const userParams = z.strictObject({
  emailOrExternalId: z.string().min(1).max(320).describe("The issuer's `sub`, or an e-mail address that one account alone has"),
});
const userAnswer = { kind: "json", status: 200, schema: z.object({ user: operatorUserSchema }) } as const;

export const setUserTier = endpoint({
  name: "operator.setUserTier",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/tier",
  summary: "Put an account on a plan; a higher one than it pays for holds until what it pays for changes",
  access: { kind: "operator" },
  params: userParams,
  body: { kind: "json", schema: z.strictObject({ tier: tierSchema }) },
  answer: userAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const disableUser = endpoint({
  name: "operator.disableUser",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/disable",
  summary: "Refuse every credential of an account, at once and on every node",
  access: { kind: "operator" },
  params: userParams,
  answer: userAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const enableUser = endpoint({
  name: "operator.enableUser",
  method: "POST",
  path: "/v1/operator/users/{emailOrExternalId}/enable",
  summary: "Accept the credentials of a disabled account again",
  access: { kind: "operator" },
  params: userParams,
  answer: userAnswer,
  errors: ["NOT_FOUND", "CONFLICT"],
});

export const getOperatorStats = endpoint({
  name: "operator.getStats",
  method: "GET",
  path: "/v1/operator/stats",
  summary: "How many accounts and agents there are, and what all of them used this month",
  access: { kind: "operator" },
  answer: { kind: "json", status: 200, schema: operatorStatsSchema },
  errors: [],
});

export const setUpCloudflare = endpoint({
  name: "operator.setUpCloudflare",
  method: "POST",
  path: "/v1/operator/cloudflare/setup",
  summary:
    "Make the Cloudflare account ready for agents: namespace, dispatch Worker, tail Worker and their keys; repeat it after an upgrade",
  access: { kind: "operator" },
  answer: { kind: "json", status: 200, schema: z.object({ cloudflare: cloudflareSetupSchema }) },
  errors: ["CONFLICT", "UNAVAILABLE"],
});
