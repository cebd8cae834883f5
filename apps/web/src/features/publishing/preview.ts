/** What a text would be shown as: the marketplace renders it, by the same policy as what is published. */
import { fleetprompt } from "@whs/api";
import type { ActionFunctionArgs } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";

export async function action(args: ActionFunctionArgs) {
  requireSession(args);
  const markdown = (await args.request.formData()).get("markdown");
  const preview = await marketplaceOf(args).attempt(fleetprompt.previewMarkdown, {
    body: { markdown: typeof markdown === "string" ? markdown : "" },
  });
  return preview.ok ? { html: preview.answer.html } : { message: preview.problem.fields["markdown"] ?? preview.problem.message };
}
