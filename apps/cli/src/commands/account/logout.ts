import { ApiError, revokeToken } from "@whs/api";
import { Api } from "../../api.ts";
import { command } from "../../command.ts";
import type { Profile } from "../../profiles.ts";

export const logout = command({
  path: ["logout"],
  group: "Account",
  summary: "Revoke this profile's token and forget it",
  args: {},
  options: {},
  async run({ profiles, profileName, output }) {
    const profile = profiles.get(profileName);
    if (profile === undefined) {
      output.note(`The profile "${profileName}" is not signed in.`);
      return;
    }
    const kept = await revoke(profile);
    profiles.remove(profileName);
    if (kept !== null) output.warn(`The token is forgotten here, but not revoked: ${kept}`);
    output.note(`Signed out of ${profile.apiUrl}.`);
  },
});

/** Why the token is still valid; null when it is not. A token that somebody else made is theirs to revoke. */
async function revoke({ apiUrl, token, tokenId }: Profile): Promise<string | null> {
  if (tokenId === undefined) return "it was not made by whs login.";
  try {
    await new Api(apiUrl, token).call(revokeToken, { id: tokenId });
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.code === "UNAUTHENTICATED" || error.code === "NOT_FOUND" ? null : error.message;
  }
}
