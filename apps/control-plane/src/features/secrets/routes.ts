import * as endpoints from "@whs/api";
import type { Bind, HandlerInput } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { deleteSecret } from "./delete-secret.ts";
import { listSecrets } from "./list-secrets.ts";
import { setSecrets } from "./set-secrets.ts";

/** `afterSet` is for what waits for an agent's secrets. */
export function bindSecrets(bind: Bind<Context>, afterSet: (context: Context, agentId: string) => Promise<void>): void {
  bind(endpoints.setSecrets, async (context, { params, body, http }) => {
    tellRedeploy(await setSecrets(context, { id: params.id, secrets: body.secrets }), http);
    await afterSet(context, params.id);
  });
  bind(endpoints.listSecrets, (context, { params }) => listSecrets(context, params));
  bind(endpoints.deleteSecret, async (context, { params, http }) => {
    tellRedeploy(await deleteSecret(context, params), http);
  });
}

function tellRedeploy({ redeployRequired }: { redeployRequired: boolean }, http: HandlerInput<typeof endpoints.setSecrets>["http"]): void {
  if (redeployRequired) http.setHeader("Whs-Redeploy-Required", "true");
}
