import { createToken, scopes } from "@whs/api";
import { randomUUID } from "node:crypto";
import { command, required } from "../../command.ts";
import { parseExpiry } from "./expiry.ts";

export const tokensCreate = command({
  path: ["tokens", "create"],
  group: "Account",
  summary: "Create an API token for scripts; it is shown this once",
  args: { name: required("What it is for") },
  options: {
    scope: {
      kind: "list",
      value: "scope",
      summary: `What it may do; repeat for more. Default: all but tokens:write. One of ${scopes.join(", ")}`,
      choices: scopes,
    },
    expires: { kind: "text", value: "when", summary: "Days from now, such as 30d, or a date; default: as the token that makes it" },
  },
  examples: [['export WHS_API_TOKEN="$(whs tokens create ci --expires 90d)"', "Only the token goes to standard output"]],
  async run({ api, output }, { args, options }) {
    const expiresAt = options.expires === undefined ? undefined : parseExpiry(options.expires, new Date());
    const answer = await api.call(createToken, {
      body: {
        name: args.name,
        ...(options.scope.length === 0 ? {} : { scopes: options.scope as (typeof scopes)[number][] }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      },
      idempotencyKey: randomUUID(),
    });
    output.note(`Token "${answer.token.name}" (${answer.token.id}). Keep it now: nobody can show it again.`);
    output.answer(answer, () => answer.secret);
  },
});
