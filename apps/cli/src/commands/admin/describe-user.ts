import type { OperatorUser } from "@whs/api";
import { printableLine, type Style } from "../../terminal/style.ts";
import { pairs } from "../../terminal/table.ts";

export function describeUser(user: OperatorUser, style: Style): string {
  return pairs(
    [
      ["user", style.bold(printableLine(user.email ?? user.name ?? user.externalId))],
      ["external id", printableLine(user.externalId)],
      ["id", user.id],
      ["plan", user.subscriptionTier],
      ["state", user.disabledAt === null ? "enabled" : style.red(`disabled since ${user.disabledAt}`)],
    ],
    style,
  );
}
