import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { idParams, idSchema, pageOf, pageQuerySchema } from "../schemas/base.ts";
import { sessionSchema } from "../schemas/session.ts";

export const listSessions = endpoint({
  name: "sessions.list",
  method: "GET",
  path: "/v1/agents/{id}/sessions",
  summary: "List an agent's sessions that hold something and can be continued, newest first",
  access: { kind: "user", scope: "usage:read" },
  params: idParams,
  query: pageQuerySchema,
  answer: { kind: "json", status: 200, schema: pageOf(sessionSchema) },
  errors: ["NOT_FOUND"],
});

export const endSession = endpoint({
  name: "sessions.end",
  method: "DELETE",
  path: "/v1/agents/{id}/sessions/{sessionId}",
  summary: "End a session: it is expired on every node, and what the runtime keeps of it is removed",
  description:
    "May be repeated. Where the runtime cannot be reached the answer is `UNAVAILABLE`: the session is ended all the same, and a repetition removes what is left. A conversation that a protocol's client names itself begins anew with its next message.",
  access: { kind: "user", scope: "agents:write" },
  params: z.strictObject({ id: idSchema, sessionId: idSchema }),
  answer: { kind: "empty", status: 204 },
  errors: ["NOT_FOUND", "UNAVAILABLE"],
});
