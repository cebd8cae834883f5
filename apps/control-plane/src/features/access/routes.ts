import { type Bind, parseInput, parseJson } from "@whs/platform/http";
import {
  createToken as createTokenEndpoint,
  getMe as getMeEndpoint,
  introspectBody,
  introspectToken as introspectTokenEndpoint,
  listTokens as listTokensEndpoint,
  revokeToken as revokeTokenEndpoint,
} from "@whs/api";
import type { Context, Dependencies, SystemContext } from "../../context.ts";
import type { Authenticator } from "./authenticate.ts";
import { createToken, requireWithinOwn, tokenSecret } from "./create-token.ts";
import { getMe } from "./get-me.ts";
import { introspectToken, verifyMarketplace } from "./introspect-token.ts";
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

export function bindIntrospection(bind: Bind<SystemContext>, authenticator: Authenticator): void {
  bind(introspectTokenEndpoint, (context, { rawBody, http }) => {
    verifyMarketplace(context, http.request, rawBody);
    return introspectToken(authenticator, parseInput(introspectBody, parseJson(rawBody)));
  });
}
