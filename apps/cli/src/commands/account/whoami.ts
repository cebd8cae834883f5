import { getMe } from "@whs/api";
import { command } from "../../command.ts";
import { printableLine } from "../../terminal/style.ts";
import { pairs } from "../../terminal/table.ts";

export const whoami = command({
  path: ["whoami"],
  group: "Account",
  summary: "Show who is signed in, and where",
  args: {},
  options: {},
  async run({ api, output, environment, profileName }) {
    const answer = await api.call(getMe, {});
    const { user } = answer;
    output.answer(answer, () =>
      pairs(
        [
          ["user", output.style.bold(printableLine(user.email ?? user.name ?? user.id))],
          ["id", user.id],
          ["plan", user.subscriptionTier],
          ["API", api.url],
          ["signed in by", environment.apiToken === undefined ? `profile "${profileName}"` : "WHS_API_TOKEN"],
        ],
        output.style,
      ),
    );
  },
});
