import { z } from "zod";

const MAX_TIMEOUT_SECONDS = 28_800;

/** What both kinds of sessions begin with. */
export function startFields(defaultTimeoutSeconds: number) {
  return {
    name: z.string().min(1).max(100).optional(),
    sessionTimeoutSeconds: z.int().min(1).max(MAX_TIMEOUT_SECONDS).default(defaultTimeoutSeconds),
    clientToken: z.string().min(33).max(256).optional(),
  };
}

export const listSchema = z.object({
  maxResults: z.int().min(1).max(100).default(10),
  nextToken: z.string().min(1).max(100).optional(),
  status: z.enum(["READY", "TERMINATED"]).optional(),
});
