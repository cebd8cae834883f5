import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { agentNameSchema, agentSchema } from "../schemas/agent.ts";
import { textSchema } from "../schemas/base.ts";
import { deploymentSchema } from "../schemas/deployment.ts";

export const createInstall = endpoint({
  name: "installs.create",
  method: "POST",
  path: "/v1/installs",
  summary: "Install what an install token of FleetPrompt stands for, as an agent of your own",
  description:
    "The agent is made of exactly the bytes that the release names, and has none of its publisher's secrets. It is deployed " +
    "at once, unless it needs secrets: those are named, and it is deployed when the last of them is set. However often a " +
    "token is sent, it makes one agent. A token that cannot be redeemed is `NOT_FOUND`, whatever the reason.",
  access: { kind: "user", scope: "installs:write" },
  body: {
    kind: "json",
    schema: z.strictObject({ installToken: textSchema.min(1).max(200), name: agentNameSchema.optional() }),
  },
  answer: {
    kind: "json",
    status: 201,
    schema: z.object({
      agent: agentSchema,
      deployment: deploymentSchema.optional().describe("Absent while secrets are missing"),
      missingSecrets: z.array(z.string()),
    }),
  },
  errors: ["NOT_FOUND", "CONFLICT", "LIMIT_EXCEEDED", "UNAVAILABLE"],
  idempotent: true,
});
