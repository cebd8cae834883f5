import type { Scope } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import type { Caller } from "../../context.ts";

/** @throws AppError `UNAUTHORIZED` */
export function requireScope(caller: Pick<Caller, "scopes">, scope: Scope): void {
  if (!caller.scopes.has(scope)) throw new AppError("UNAUTHORIZED", `This token lacks the scope ${scope}.`);
}
