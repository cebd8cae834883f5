import { Api } from "../api.ts";
import { type Context, isLoopback } from "../context.ts";
import { UserError } from "../errors.ts";
import { findLocalStack } from "../local-stack.ts";

/** The marketplace as the signed-in user: the same token serves it and WHS. @throws UserError when its address is not known */
export function openMarketplace(context: Pick<Context, "apiUrl" | "environment" | "token">): Api {
  return new Api(marketplaceUrl(context), context.token);
}

/** @throws UserError when it is not known */
export function marketplaceUrl({ apiUrl, environment }: Pick<Context, "apiUrl" | "environment">): string {
  const local = isLoopback(apiUrl) ? findLocalStack(environment.dataDir, apiUrl) : undefined;
  const url = environment.marketplaceUrl ?? local?.marketplaceUrl;
  if (url !== undefined) return url;
  throw new UserError(`The marketplace that belongs to ${apiUrl} is not known.`, {
    next: ["set FLEETPROMPT_API_URL to the address of its API"],
  });
}
