import { request } from "undici";
import { z } from "zod";
import { type ProviderDescription, ProviderError } from "../port.ts";
import type { AgentcoreProviderOptions } from "./options.ts";

const localSchema = z.object({
  version: z.string(),
  isolation: z.array(z.object({ layer: z.string(), active: z.boolean(), detail: z.string() })),
});
const CAPABILITIES = ["streaming", "sessions"];
const TIMEOUT_MS = 5_000;

/** What runs agents: our own service says so itself, of Amazon's only its documentation does. */
export async function describeService(options: AgentcoreProviderOptions): Promise<ProviderDescription> {
  const { driver, region } = options;
  const version = process.version;
  if (driver === "aws") {
    const isolation = [{ layer: "microVM for each session", active: true, detail: "by AgentCore, as Amazon documents it" }];
    return { driver, version, region, isolation, capabilities: CAPABILITIES };
  }
  const local = await askLocal(options);
  return { driver, version, supervisorVersion: local.version, region, isolation: local.isolation, capabilities: CAPABILITIES };
}

async function askLocal({ endpoint = "", credentials }: AgentcoreProviderOptions): Promise<z.output<typeof localSchema>> {
  const basic = Buffer.from(`${credentials?.accessKeyId}:${credentials?.secretAccessKey}`).toString("base64");
  try {
    const { statusCode, body } = await request(new URL("/describe", endpoint), {
      headers: { authorization: `Basic ${basic}` },
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    });
    const text = await body.text();
    if (statusCode === 200) return localSchema.parse(JSON.parse(text));
    throw new Error(`The local AgentCore service answered ${statusCode}.`);
  } catch (cause) {
    throw new ProviderError("transient", "The local AgentCore service cannot be reached.", { reached: false, cause });
  }
}
