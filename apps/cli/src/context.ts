import { isIP } from "node:net";
import { Api } from "./api.ts";
import { checkUrl, type Environment } from "./config.ts";
import { NotSignedInError } from "./errors.ts";
import { defaultProfile, Profiles } from "./profiles.ts";
import type { Output } from "./terminal/output.ts";

export const defaultApiUrl = "http://127.0.0.1:8787";

/** The options that every command takes. */
export interface SharedOptions {
  json: boolean;
  color: boolean;
  profile: string | undefined;
  apiUrl: string | undefined;
}

/** What a command works with. */
export class Context {
  readonly environment: Environment;
  readonly output: Output;
  readonly profiles: Profiles;
  readonly profileName: string;
  readonly stdin: NodeJS.ReadStream;
  readonly #apiUrl: string | undefined;
  #api: Api | undefined;

  constructor(parts: { environment: Environment; output: Output; shared: SharedOptions; stdin: NodeJS.ReadStream }) {
    this.environment = parts.environment;
    this.output = parts.output;
    this.stdin = parts.stdin;
    this.profiles = new Profiles(parts.environment.configDir);
    this.profileName = parts.shared.profile ?? defaultProfile;
    this.#apiUrl = parts.shared.apiUrl === undefined ? parts.environment.apiUrl : checkUrl(parts.shared.apiUrl, "--api-url");
  }

  /** Option, then environment, then profile, then the address of a stack on this machine. */
  get apiUrl(): string {
    return this.#apiUrl ?? this.profiles.get(this.profileName)?.apiUrl ?? defaultApiUrl;
  }

  /** @throws NotSignedInError where there is no credential for this address. */
  get api(): Api {
    if (this.#api === undefined) {
      const { apiUrl } = this;
      this.#api = new Api(apiUrl, this.token);
      warnAboutPlainHttp(apiUrl, this.output);
    }
    return this.#api;
  }

  /** `WHS_API_TOKEN`, else the profile's. @throws NotSignedInError where there is none for this address */
  get token(): string {
    return this.environment.apiToken ?? this.#profileToken(this.apiUrl);
  }

  #profileToken(apiUrl: string): string {
    const profile = this.profiles.get(this.profileName);
    const login = [
      "whs login",
      ...(this.profileName === defaultProfile ? [] : ["--profile", this.profileName]),
      ...(apiUrl === (profile?.apiUrl ?? defaultApiUrl) ? [] : ["--api-url", apiUrl]),
    ].join(" ");
    if (profile === undefined) throw new NotSignedInError(`Not signed in to ${apiUrl}.`, [login]);
    // A token is for the server that gave it; no other one may see it.
    if (new URL(profile.apiUrl).origin !== new URL(apiUrl).origin) {
      throw new NotSignedInError(`Not signed in to ${apiUrl}: the profile "${this.profileName}" belongs to ${profile.apiUrl}.`, [login]);
    }
    return profile.token;
  }
}

export function isLoopback(url: string): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

export function warnAboutPlainHttp(url: string, output: Output): void {
  if (new URL(url).protocol === "http:" && !isLoopback(url)) output.warn(`${url} is not encrypted: others on the way can read the token.`);
}
