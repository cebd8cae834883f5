import { notFound } from "@whs/platform/errors";
import { isId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import type { Gateway } from "./gateway.ts";
import type { Route } from "./routing.ts";

/** The caller's own living agent, by id or by name. @throws AppError `NOT_FOUND` */
export async function findAgent(gateway: Pick<Gateway, "routing">, context: Context, agent: string): Promise<Route> {
  const { id: userId } = context.user;
  const byId = isId("agt", agent) ? await gateway.routing.find(userId, agent) : undefined;
  // A name may look like an id.
  const route = byId ?? (await gateway.routing.findByName(userId, agent));
  if (route === undefined) throw notFound("Agent");
  return route;
}
