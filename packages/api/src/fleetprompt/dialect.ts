import { z } from "zod";
import type { Dialect } from "../openapi.ts";
import { type FleetPromptErrorCode, fleetPromptErrorStatus } from "./errors.ts";

const fields = z.array(z.object({ fieldName: z.string(), message: z.string() }));

/** How FleetPrompt's OpenAPI description differs from that of WHS. */
export const fleetPromptDialect: Dialect = {
  idField: "requestId",
  bearer: "A JWT of the configured OIDC issuer",
  everywhere: ["VALIDATION_FAILED", "INTERNAL"],
  statusesOf: (code) => fleetPromptErrorStatus[code as FleetPromptErrorCode],
  error: z.object({
    error: z.object({
      code: z.enum(Object.keys(fleetPromptErrorStatus) as [FleetPromptErrorCode, ...FleetPromptErrorCode[]]),
      message: z.string(),
      requestId: z.string(),
      details: z.object({ hint: z.string().optional(), fields: fields.optional() }).optional(),
    }),
  }),
};
