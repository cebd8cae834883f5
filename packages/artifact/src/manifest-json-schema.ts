import { z } from "zod";
import { agentManifestSchema } from "./manifest.ts";

/** JSON Schema (2020-12) of `agent.config.json` as an author writes it, for editors. `schemas/agent.config.v1.json` is this. */
export function agentManifestJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(agentManifestSchema, { io: "input", target: "draft-2020-12" });
  const withoutBlock = (runtime: string, block: string) => ({
    if: { properties: { runtime: { const: runtime } }, required: ["runtime"] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    then: { properties: { [block]: false } },
  });
  return {
    $schema,
    title: "WHS agent manifest (agent.config.json)",
    ...schema,
    allOf: [withoutBlock("cloudflare", "agentcore"), withoutBlock("agentcore", "cloudflare")],
  };
}
