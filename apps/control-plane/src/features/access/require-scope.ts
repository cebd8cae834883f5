import type { Scope } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import type { Caller } from "../../context.ts";

/** @throws AppError `UNAUTHORIZED` */
export function requireScope(caller: Pick<Caller, "scopes">, scope: Scope): void {
  if (caller.scopes.has(scope)) return;
  // RFC 6750: a client that can ask for more learns what.
  const headers = { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` };
  throw new AppError("UNAUTHORIZED", `This token lacks the scope ${scope}.`, { headers });
}
