import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { idSchema } from "../schemas/base.ts";
import { delegatedInvokeBody, delegationLimits } from "../schemas/delegation.ts";
import { invokeResponseSchema } from "../schemas/invoke.ts";

export const delegatedInvoke = endpoint({
  name: "delegation.invoke",
  method: "POST",
  path: "/v1/delegated/invoke/{agentId}",
  summary: "Invoke an agent on behalf of its owner, from a service that the installation trusts",
  description:
    '`X-WHS-Delegation-Signature` is `v2=<hex HMAC-SHA256(key, timestamp + "." + source + "." + METHOD + " " + path + "." + body)>`, ' +
    "or `v1=<hex HMAC-SHA256(key, body)>`, or both with a comma between them; the timestamp is in epoch milliseconds and at most " +
    "five minutes off. Acts, counts and is limited as `externalUserId`. The same `idempotencyKey` of a user and agent gets the stored " +
    "answer for 24 hours; after that it is refused for 30 days.",
  access: { kind: "signature", headers: ["X-WHS-Delegation-Source", "X-WHS-Delegation-Timestamp", "X-WHS-Delegation-Signature"] },
  params: z.strictObject({ agentId: idSchema }),
  body: { kind: "raw", contentTypes: ["application/json"], maxBytes: delegationLimits.bodyBytes, schema: delegatedInvokeBody },
  answer: { kind: "json", status: 200, schema: invokeResponseSchema, headers: ["Idempotency-Replayed"] },
  errors: ["UNAUTHORIZED", "NOT_FOUND", "CONFLICT", "RATE_LIMITED", "LIMIT_EXCEEDED", "RUNTIME_ERROR", "UNAVAILABLE"],
});
