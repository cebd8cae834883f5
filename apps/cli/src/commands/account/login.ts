import { createToken, getMe, scopes } from "@whs/api";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Api } from "../../api.ts";
import { command, flag } from "../../command.ts";
import { checkUrl } from "../../config.ts";
import type { Context } from "../../context.ts";
import { UsageError } from "../../errors.ts";
import { signInByDevice } from "../../identity/device-flow.ts";
import { findIdentityUrl } from "../../identity/find-identity.ts";
import { defaultProfile, type Profile } from "../../profiles.ts";
import { readSecret } from "../../terminal/prompt.ts";

/** A stolen laptop should not hold a key for ever. */
const TOKEN_LIFE_MS = 365 * 86_400_000;

export const login = command({
  path: ["login"],
  group: "Account",
  summary: "Sign in with your browser and keep an API token in the profile",
  args: {},
  options: {
    identityUrl: { kind: "text", value: "url", summary: "Address of the identity service; default: the API names it" },
    withToken: flag("Take an API token from standard input or a hidden prompt instead"),
  },
  examples: [
    ["whs login", "Sign in to the stack on this machine"],
    ["whs login --api-url https://api.example.com --profile work", "Sign in elsewhere, under a name"],
  ],
  async run(context, { options }) {
    const { output, apiUrl, profileName, profiles } = context;
    const signedIn = options.withToken ? await withToken(context) : await withBrowser(context, options.identityUrl);
    const { user } = await new Api(apiUrl, signedIn.token).call(getMe, {});
    const name = user.email ?? user.name ?? user.id;
    profiles.set(profileName, { apiUrl, ...signedIn, user: name });
    output.answer({ user, apiUrl, profile: profileName }, () => `Signed in to ${apiUrl} as ${output.style.bold(name)}.`);
    if (profileName !== defaultProfile) output.note(`Use it with --profile ${profileName}.`);
    if (context.environment.apiToken !== undefined) output.warn("WHS_API_TOKEN is set and wins over this profile.");
  },
});

type SignedIn = Pick<Profile, "token" | "tokenId" | "identityUrl">;

async function withToken(context: Context): Promise<SignedIn> {
  const token = (await readSecret(context, "API token")).trim();
  if (token === "") throw new UsageError("There is no token on standard input.");
  return { token };
}

async function withBrowser(context: Context, option: string | undefined): Promise<SignedIn> {
  const identityUrl = option === undefined ? await findIdentityUrl(context) : checkUrl(option, "--identity-url");
  const jwt = await signInByDevice(identityUrl, context.output);
  const { token, secret } = await new Api(context.apiUrl, jwt).call(createToken, {
    body: {
      name: `whs login on ${hostname()}`.slice(0, 100),
      scopes: [...scopes],
      expiresAt: new Date(Date.now() + TOKEN_LIFE_MS).toISOString(),
    },
    idempotencyKey: randomUUID(),
  });
  return { token: secret, tokenId: token.id, identityUrl };
}
