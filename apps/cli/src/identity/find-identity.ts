import { z } from "zod";
import { checkUrl } from "../config.ts";
import { type Context, isLoopback } from "../context.ts";
import { UserError } from "../errors.ts";
import { findLocalStack } from "../local-stack.ts";

/** RFC 9728, "OAuth 2.0 Protected Resource Metadata". */
const resourceMetadataSchema = z.object({ authorization_servers: z.array(z.string()).min(1) });

/** Where to sign in for the API: what the API says, or what a stack on this machine has written down. @throws UserError */
export async function findIdentityUrl({ apiUrl, environment }: Pick<Context, "apiUrl" | "environment">): Promise<string> {
  const url = (await askApi(apiUrl)) ?? (isLoopback(apiUrl) ? findLocalStack(environment.dataDir, apiUrl)?.identityUrl : undefined);
  if (url !== undefined) return checkUrl(url, "The identity service's address");
  throw new UserError(`${apiUrl} does not say where to sign in.`, { next: ["whs login --identity-url <url>"] });
}

async function askApi(apiUrl: string): Promise<string | undefined> {
  let response: Response;
  try {
    response = await fetch(`${apiUrl}/.well-known/oauth-protected-resource`, { headers: { accept: "application/json" } });
  } catch (cause) {
    throw new UserError(`Cannot reach ${apiUrl}.`, { code: "UNREACHABLE", next: ["whs doctor", "whs up"], cause });
  }
  if (!response.ok) return undefined;
  const metadata = resourceMetadataSchema.safeParse(await response.json());
  return metadata.data?.authorization_servers[0];
}
