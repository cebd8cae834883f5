import { revokeToken } from "@whs/api";
import { command, required } from "../../command.ts";

export const tokensRevoke = command({
  path: ["tokens", "revoke"],
  group: "Account",
  summary: "Revoke an API token, at once",
  args: { token: required("The token's id, as whs tokens list shows it") },
  options: {},
  async run({ api, output }, { args }) {
    const answer = await api.call(revokeToken, { id: args.token });
    output.answer(answer, () => "The token is revoked.");
  },
});
