import type { Scope } from "@whs/api";
import { z } from "zod";
import type { Context } from "../../../context.ts";
import type { Gateway } from "../../invocations/index.ts";

/** A tool as `tools/list` describes it. */
export interface Tool {
  name: string;
  title?: string;
  description: string;
  inputSchema: object;
  annotations: { readOnlyHint?: boolean; destructiveHint?: boolean; idempotentHint?: boolean; openWorldHint?: boolean };
}

/** What a call comes to. That it failed is a result too, which a model can read. */
export interface ToolResult {
  content: { type: "text"; text: string; annotations?: { audience: ("user" | "assistant")[] } }[];
  structuredContent?: object;
  isError?: boolean;
  _meta?: Record<string, unknown>;
}

/** A tool of the control plane, for whoever bears the scope. */
export interface ControlTool {
  definition: Tool;
  scope: Scope;
  /** It is bound like every write. */
  changes: boolean;
  call: (gateway: Gateway, context: Context, input: unknown) => Promise<object>;
}

export function inputSchemaOf(schema: z.ZodObject): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return json;
}
