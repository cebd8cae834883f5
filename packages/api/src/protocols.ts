import { z } from "zod";
import { errorStatus, type ErrorCode } from "./errors.ts";
import { agUiEvents } from "./schemas/ag-ui.ts";
import { jsonRpcFailure } from "./schemas/json-rpc.ts";

/** An open protocol beside the API's own: its endpoints answer in its form, and bear the trace id in headers alone. */
export interface Protocol {
  name: "openai" | "mcp" | "a2a" | "ag-ui";
  /** Body of an answer that is not 2xx. */
  failure: z.ZodObject;
  /** What each code answers with. */
  statuses: Readonly<Record<ErrorCode, number>>;
}

/** AG-UI says nothing of failures outside of a run, so they are what a run would end with. */
export const agUi: Protocol = { name: "ag-ui", failure: agUiEvents.RUN_ERROR, statuses: errorStatus };

/** OpenAI has no status for a plan that is used up but the one for too many requests, with the code `insufficient_quota`. */
export const openAi: Protocol = {
  name: "openai",
  failure: z.object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string().nullable() }),
  }),
  statuses: { ...errorStatus, LIMIT_EXCEEDED: 429 },
};

/** What the transport refuses is a JSON-RPC error with a status; what a tool answers is a result, whatever came of it. */
export const mcp: Protocol = { name: "mcp", failure: jsonRpcFailure, statuses: errorStatus };

/** As MCP's: JSON-RPC errors, with A2A's own codes where it has one. */
export const a2a: Protocol = { name: "a2a", failure: jsonRpcFailure, statuses: errorStatus };
