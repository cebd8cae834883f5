import { type CallInput, type Endpoint, type ReceivedOf } from "@whs/api";
import type { Context } from "../context.ts";
import { marketplaceUrl } from "../marketplace/marketplace-api.ts";
import { callAsOperator } from "./call-as-operator.ts";

/** Calls an endpoint of the marketplace as the operator, whose token serves both APIs. */
export function callMarketplaceAsOperator<E extends Endpoint>(context: Context, endpoint: E, input: CallInput<E>): Promise<ReceivedOf<E>> {
  const { environment, output, apiUrl } = context;
  return callAsOperator({ environment, output, apiUrl, targetUrl: marketplaceUrl(context) }, endpoint, input);
}
