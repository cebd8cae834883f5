import { fleetprompt } from "@whs/api";
import type { Bind } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { getOwnAccount } from "./get-own-account.ts";
import { saveProfile } from "./save-profile.ts";

export function bindPublishers(bind: Bind<Context>): void {
  bind(fleetprompt.saveProfile, (context, { body }) => saveProfile(context, body));
  bind(fleetprompt.getOwnAccount, (context) => getOwnAccount(context));
}
