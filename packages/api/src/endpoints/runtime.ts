import { z } from "zod";
import { endpoint } from "../endpoint.ts";
import { timeSchema } from "../schemas/base.ts";

const componentSchema = z.object({
  name: z
    .enum(["gateway", "provisioner", "agent", "runtime-node"])
    .describe("Invocation gateway, deploy worker, data-plane supervisor, process that runs customer code"),
  version: z.string().nullable().describe("As the component itself reports it; null while it is down"),
  status: z.enum(["up", "down"]),
  capabilities: z.array(z.string()),
});

const isolationLayerSchema = z.object({ layer: z.string(), active: z.boolean(), detail: z.string() });

export const getRuntimeStack = endpoint({
  name: "runtime.stack",
  method: "GET",
  path: "/v1/runtime/stack",
  summary: "What runs right now: components with the versions they report, providers and their isolation",
  access: { kind: "user", scope: null },
  answer: {
    kind: "json",
    status: 200,
    schema: z.object({
      apiVersion: z.string(),
      mode: z.enum(["local", "cloud"]),
      components: z.array(componentSchema),
      protocols: z.array(z.string()),
      providers: z.object({
        cloudflare: z
          .object({
            driver: z.string(),
            workerd: z.string().nullable(),
            compatibilityDate: z.string().nullable(),
            isolation: z.array(isolationLayerSchema),
          })
          .nullable(),
        agentcore: z
          .object({
            driver: z.string(),
            version: z.string().nullable().describe("Of the local service; null on AWS, and while it is down"),
            region: z.string().nullable(),
            isolation: z.array(isolationLayerSchema),
          })
          .nullable(),
      }),
      observedAt: timeSchema,
    }),
  },
  errors: [],
});
