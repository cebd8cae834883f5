import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import type { RegistryCredentials } from "./image/registry-auth.ts";

/** A token lives 12 hours; it is asked for again this long before. */
const SAFETY_MS = 30 * 60_000;

/** What ECR takes as basic credentials, renewed before they end. */
export function ecrCredentials(region: string): () => Promise<RegistryCredentials> {
  const client = new ECRClient({ region, maxAttempts: 5 });
  let known: { credentials: RegistryCredentials; until: number } | null = null;
  return async () => {
    if (known !== null && known.until > Date.now()) return known.credentials;
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    const [data] = authorizationData ?? [];
    const decoded = Buffer.from(data?.authorizationToken ?? "", "base64").toString("utf8");
    const colon = decoded.indexOf(":");
    if (colon === -1) throw new Error("ECR gave no authorization token.");
    known = {
      credentials: { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) },
      until: (data?.expiresAt?.getTime() ?? 0) - SAFETY_MS,
    };
    return known.credentials;
  };
}
