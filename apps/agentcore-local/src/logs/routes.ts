/** `FilterLogEvents` of CloudWatch Logs, which is where AgentCore's logs are on AWS. */
import { z } from "zod";
import { AwsError } from "../http/aws-error.ts";
import type { AwsRoute } from "../http/routes.ts";
import { parseBody } from "../runtimes/schemas.ts";
import type { LogStore } from "./logs.ts";

const TARGET = "Logs_20140328.FilterLogEvents";
const MAX_EVENTS = 10_000;

const querySchema = z.object({
  logGroupName: z.string().min(1).max(512).optional(),
  logGroupIdentifier: z.string().min(1).max(2048).optional(),
  logStreamNames: z.array(z.string().min(1).max(512)).min(1).max(100).optional(),
  logStreamNamePrefix: z.string().min(1).max(512).optional(),
  startTime: z.int().min(0).default(0),
  endTime: z.int().min(0).default(Number.MAX_SAFE_INTEGER),
  filterPattern: z
    .string()
    .max(1024)
    .regex(/^(?:"[^"]*"|[\w.:/-]*)$/, "only one word, or text in double quotes, is understood here")
    .optional(),
  limit: z.int().min(1).max(MAX_EVENTS).default(MAX_EVENTS),
  nextToken: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
});

export function logRoutes(logs: LogStore): AwsRoute[] {
  return [
    {
      method: "POST",
      path: "/",
      handler: ({ message, body }) =>
        new Promise((resolve) => {
          if (message.headers["x-amz-target"] !== TARGET) throw new AwsError("UnknownOperationException", "There is no such operation.");
          resolve({ status: 200, body: filterLogEvents(logs, body), headers: { "content-type": "application/x-amz-json-1.1" } });
        }),
    },
  ];
}

function filterLogEvents(logs: LogStore, body: Buffer) {
  const query = parseBody(querySchema, body);
  // An identifier may be the group's ARN, at whose end its name is.
  const group = query.logGroupName ?? query.logGroupIdentifier?.replace(/^arn:.*:log-group:/, "").replace(/:\*$/, "") ?? "";
  const events = logs.find({
    group,
    streams: query.logStreamNames,
    streamPrefix: query.logStreamNamePrefix,
    startMs: query.startTime,
    endMs: query.endTime,
    text: query.filterPattern?.replaceAll('"', ""),
    limit: query.limit,
    after: Number(query.nextToken ?? 0),
  });
  const last = events.at(-1);
  return { events, searchedLogStreams: [], ...(events.length === query.limit && last !== undefined ? { nextToken: last.eventId } : {}) };
}
