import type { Deployment } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { toPage } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { requireAgent } from "../agents/index.ts";
import { toDeployment } from "./present.ts";
import { type DeploymentRow, findDeployment, listDeployments as findDeployments } from "./store.ts";

export async function listDeployments(
  context: Context,
  input: { id: string; limit: number; cursor?: string | undefined },
): Promise<{ items: Deployment[]; nextCursor: string | null }> {
  await requireAgent(context, input.id);
  const list = `deployments/${input.id}`;
  const after = input.cursor === undefined ? undefined : Number(context.cursors.decode(list, input.cursor));
  const rows = await findDeployments(context.db, input.id, input.limit, after);
  return toPage(rows, input.limit, toDeployment, (last) => context.cursors.encode(list, String(last.version)));
}

export async function getDeployment(context: Context, input: { id: string }): Promise<{ deployment: Deployment }> {
  return { deployment: toDeployment(await requireDeployment(context, input.id)) };
}

/** The caller's own deployment of a living agent. @throws AppError `NOT_FOUND` */
export async function requireDeployment(context: Pick<Context, "db" | "user">, id: string): Promise<DeploymentRow> {
  const row = await findDeployment(context.db, context.user.id, id);
  if (row === undefined) throw notFound("Deployment");
  return row;
}
