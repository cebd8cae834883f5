import { z } from "zod";
import { endpoint } from "../endpoint.ts";

/** Between the parts of one installation; not part of the published contract. */
export const reportLogs = endpoint({
  name: "internal.reportLogs",
  method: "POST",
  path: "/v1/internal/logs",
  summary: "Log lines of agents, as NDJSON, from a supervisor",
  access: { kind: "signature", headers: ["X-WHS-Delegation-Source", "X-WHS-Delegation-Timestamp", "X-WHS-Delegation-Signature"] },
  body: { kind: "raw", contentTypes: ["application/x-ndjson"], maxBytes: 4 * 1024 * 1024, schema: z.string() },
  answer: { kind: "json", status: 202, schema: z.object({ accepted: z.int() }) },
  errors: [],
});
