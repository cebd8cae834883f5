import { type Bind } from "@whs/platform/http";
import {
  createToken as createTokenEndpoint,
  getMe as getMeEndpoint,
  listTokens as listTokensEndpoint,
  revokeToken as revokeTokenEndpoint,
} from "@whs/api";
import type { Context, Dependencies } from "../../context.ts";
import { createToken, requireWithinOwn, tokenSecret } from "./create-token.ts";
import { getMe } from "./get-me.ts";
import { listTokens } from "./list-tokens.ts";
import { revokeToken } from "./revoke-token.ts";

export function bindAccess(bind: Bind<Context>, dependencies: Dependencies): void {
  bind(getMeEndpoint, (context) => getMe(context));
  bind(createTokenEndpoint, (context, { body }) => createToken(context, body), {
    complete: (answer, context) => {
      // A replay may be asked for by a token that could not have made this one.
      requireWithinOwn(context, answer.token.scopes);
      return { ...answer, secret: tokenSecret(dependencies.keys.token, answer.token.id) };
    },
  });
  bind(listTokensEndpoint, (context, { query }) => listTokens(context, query));
  bind(revokeTokenEndpoint, async (context, { params }) => revokeToken(context, params));
}
