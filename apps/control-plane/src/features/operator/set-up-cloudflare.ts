import type { CloudflareSetup } from "@whs/api";
import { AppError, conflict } from "@whs/platform/errors";
import { ProviderError } from "@whs/runtimes";
import type { SystemContext } from "../../context.ts";

/** Makes the Cloudflare account ready for agents, or brings it up to date. Repeating it is safe. */
export async function setUpCloudflare(
  context: SystemContext,
  setUp: (() => Promise<CloudflareSetup>) | undefined,
): Promise<{ cloudflare: CloudflareSetup }> {
  if (setUp === undefined)
    throw conflict("Agents of this installation run on its own machines: WHS_CLOUDFLARE_DRIVER must be api to set up an account.");
  const cloudflare = await setUp().catch((error: unknown) => {
    if (!(error instanceof ProviderError)) throw error;
    const code = error.retryable ? "UNAVAILABLE" : "CONFLICT";
    throw new AppError(code, error.message, { cause: error });
  });
  const { namespace, build } = cloudflare;
  await context.writeFor(null)({ action: "cloudflare.set_up", target: namespace, metadata: { build } }, async () => undefined);
  return { cloudflare };
}
