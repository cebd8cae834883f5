import { fleetprompt } from "@whs/api";
import { type Bind, type HttpRequest, parseIdempotencyKey, parseInput, parseJson } from "@whs/platform/http";
import { createRunOnce } from "@whs/platform/idempotency";
import { idempotencyTable, type Context, type Dependencies, type SystemContext } from "../../context.ts";
import type { Schema } from "../../database.ts";
import type { TakeRequest } from "../../rates.ts";
import { acknowledge } from "./acknowledge.ts";
import { cancelIntent } from "./cancel-intent.ts";
import { createIntent } from "./create-intent.ts";
import { issueToken, withToken } from "./issue-token.ts";
import { getIntent, listIntents } from "./list-intents.ts";
import { redeemToken } from "./redeem-token.ts";
import { verifyTarget } from "./verify.ts";

export function bindInstalls(bind: Bind<Context>): void {
  bind(fleetprompt.createIntent, (context, { body }) => createIntent(context, body));
  bind(fleetprompt.issueToken, (context, { params, body }) => issueToken(context, { id: params.id, ttlMs: body.ttlMs }), {
    complete: withToken,
  });
  bind(fleetprompt.listIntents, (context, { query }) => listIntents(context, query));
  bind(fleetprompt.getIntent, (context, { params }) => getIntent(context, params));
  bind(fleetprompt.cancelIntent, (context, { params }) => cancelIntent(context, params));
}

/** What target systems call, each limited on its own. */
export function bindHandOff(bind: Bind<SystemContext>, { db, keys, log }: Dependencies, take: TakeRequest): void {
  const runOnce = createRunOnce<Schema>({ kysely: db, table: idempotencyTable, key: keys.idempotency, log });
  const verify = async (context: SystemContext, request: HttpRequest, rawBody: Buffer): Promise<string> => {
    const source = verifyTarget(context, request, rawBody);
    await take("internal", source);
    return source;
  };
  bind(fleetprompt.redeemToken, async (context, { rawBody, http }) => {
    const source = await verify(context, http.request, rawBody);
    const { answer, replayed } = await redeemToken(context, runOnce, {
      source,
      body: parseInput(fleetprompt.redeemBody, parseJson(rawBody)),
      rawBody,
      idempotencyKey: parseIdempotencyKey(http.request.headers["idempotency-key"]),
      method: http.request.method,
      path: fleetprompt.redeemToken.path,
    });
    if (replayed) http.setHeader("idempotency-replayed", "true");
    return answer;
  });
  bind(fleetprompt.acknowledgeInstall, async (context, { rawBody, http }) => {
    const source = await verify(context, http.request, rawBody);
    return acknowledge(context, source, parseInput(fleetprompt.acknowledgeBody, parseJson(rawBody)));
  });
}
