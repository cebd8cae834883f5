/** What those do who look after the marketplace's content. */
import { z } from "zod";
import { idSchema, pageOf } from "../schemas/base.ts";
import { fleetPromptEndpoint, idParams, okAnswer, pageQuery, reason, timeMs } from "./base.ts";

const admin = { kind: "user", scope: null, role: "admin" } as const;
const moderation = {
  access: admin,
  params: idParams,
  body: { kind: "json", schema: z.strictObject({ reason }) },
  answer: okAnswer,
  errors: ["NOT_FOUND", "CONFLICT", "RATE_LIMITED"],
  idempotent: "required",
} as const;

export const suspendListing = fleetPromptEndpoint({
  name: "moderation.suspend",
  method: "POST",
  path: "/v1/admin/listings/{id}/suspend",
  summary: "Take a listing away from everybody, until it is restored; its open reports are settled",
  ...moderation,
});

export const restoreListing = fleetPromptEndpoint({
  name: "moderation.restore",
  method: "POST",
  path: "/v1/admin/listings/{id}/restore",
  summary: "Give a suspended listing the status back that it had",
  description: "One that was published and has no release left becomes `unlisted`.",
  ...moderation,
});

export const listReports = fleetPromptEndpoint({
  name: "moderation.listReports",
  method: "GET",
  path: "/v1/admin/reports",
  summary: "What people reported, newest first",
  access: admin,
  query: pageQuery.extend({ status: z.enum(["open", "settled"]).optional() }),
  answer: {
    kind: "json",
    status: 200,
    schema: pageOf(
      z.object({
        reportId: idSchema,
        listingId: idSchema,
        reporterUserId: idSchema,
        reason: z.string(),
        status: z.enum(["open", "settled"]),
        createdAtMs: timeMs,
      }),
    ),
  },
  errors: [],
});

export const listAllAudit = fleetPromptEndpoint({
  name: "moderation.listAudit",
  method: "GET",
  path: "/v1/admin/audit",
  summary: "Who changed what, newest first",
  access: admin,
  query: pageQuery.extend({ target: idSchema.optional().describe("The id of what was changed") }),
  answer: {
    kind: "json",
    status: 200,
    schema: pageOf(
      z.object({
        auditId: idSchema,
        action: z.string(),
        actor: z.string(),
        target: z.string().nullable(),
        requestId: z.string().nullable(),
        metadata: z.record(z.string(), z.unknown()),
        atMs: timeMs,
      }),
    ),
  },
  errors: [],
});
