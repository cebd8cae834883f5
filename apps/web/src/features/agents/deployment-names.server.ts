import { getDeployment } from "@whs/api";
import type { Api } from "../../api.server.ts";

/** @returns versions by the deployment's id, of those that are still there */
export async function versionsOf(api: Api, ids: readonly string[]): Promise<Record<string, number>> {
  const found = await Promise.all([...new Set(ids)].map((id) => api.attempt(getDeployment, { id })));
  return Object.fromEntries(
    found.flatMap((attempt) => (attempt.ok ? [[attempt.answer.deployment.id, attempt.answer.deployment.version]] : [])),
  );
}
