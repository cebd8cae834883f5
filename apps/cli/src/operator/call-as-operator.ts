import { ApiError, type CallInput, type Endpoint, type ReceivedOf } from "@whs/api";
import { Api } from "../api.ts";
import { type Context, isLoopback, warnAboutPlainHttp } from "../context.ts";
import { NotSignedInError } from "../errors.ts";
import { findLocalStack } from "../local-stack.ts";

/**
 * Calls an endpoint as the operator: by `WHS_OPERATOR_TOKEN`, or by the token of the stack on this machine that serves
 * this very API; `targetUrl` is another API of the same installation. A profile's token is never sent there.
 */
export async function callAsOperator<E extends Endpoint>(
  { apiUrl, environment, output, targetUrl = apiUrl }: Pick<Context, "apiUrl" | "environment" | "output"> & { targetUrl?: string },
  endpoint: E,
  input: CallInput<E>,
): Promise<ReceivedOf<E>> {
  const local = isLoopback(apiUrl) ? findLocalStack(environment.dataDir, apiUrl) : undefined;
  const token = environment.operatorToken ?? local?.operatorToken;
  const next = ["set WHS_OPERATOR_TOKEN; a stack keeps it in secrets.env in its data directory"];
  if (token === undefined) throw new NotSignedInError(`There is no operator's token for ${targetUrl}.`, next);
  warnAboutPlainHttp(targetUrl, output);
  try {
    return await new Api(targetUrl, token).call(endpoint, input);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "UNAUTHENTICATED") throw error;
    throw new NotSignedInError(`${targetUrl} does not take this operator's token.`, next);
  }
}
