/** How a registry wants to be asked: basic, or a bearer token from the realm that its challenge names. */
import { request } from "undici";

export interface RegistryCredentials {
  username: string;
  password: string;
}

/** Tokens are used this much shorter than they live. */
const SAFETY_MS = 30_000;
/** What a token without a stated life may be used for (the distribution specification's default). */
const DEFAULT_LIFE_SECONDS = 60;

export class RegistryAuth {
  private readonly credentials: (() => Promise<RegistryCredentials | null>) | null;
  private readonly tokens = new Map<string, { header: string; until: number }>();
  private basic = false;

  constructor(credentials: (() => Promise<RegistryCredentials | null>) | null) {
    this.credentials = credentials;
  }

  /** The header for requests about a repository, as far as it is known before the registry asks. */
  async header(scope: string): Promise<string | null> {
    if (this.basic) return this.basicHeader();
    const token = this.tokens.get(scope);
    return token !== undefined && token.until > Date.now() ? token.header : null;
  }

  /** Takes a 401 answer's challenge. @returns whether asking again makes sense. */
  async answer(challenge: string, scope: string, origin: string): Promise<boolean> {
    const bearer = /^bearer\s+(.*)$/i.exec(challenge);
    if (bearer !== null) return this.fetchToken(parseParameters(bearer[1] ?? ""), scope, origin);
    if (!/^basic\b/i.test(challenge) || this.basic) return false;
    this.basic = (await this.basicHeader()) !== null;
    return this.basic;
  }

  private async basicHeader(): Promise<string | null> {
    const credentials = (await this.credentials?.()) ?? null;
    if (credentials === null) return null;
    return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
  }

  private async fetchToken(parameters: Readonly<Record<string, string>>, scope: string, origin: string): Promise<boolean> {
    const { realm, service } = parameters;
    if (realm === undefined || !URL.canParse(realm)) return false;
    const url = new URL(realm);
    // Credentials and tokens never go where anybody on the way could read them, unless the registry itself is reached so.
    if (url.protocol !== "https:" && !(url.protocol === "http:" && new URL(origin).protocol === "http:")) return false;
    if (service !== undefined) url.searchParams.set("service", service);
    url.searchParams.set("scope", scope);
    const basic = await this.basicHeader();
    const { statusCode, body } = await request(url, {
      headers: basic === null ? {} : { authorization: basic },
      headersTimeout: 15_000,
      bodyTimeout: 15_000,
    });
    const text = await body.text();
    if (statusCode !== 200) return false;
    const answer = JSON.parse(text) as { token?: string; access_token?: string; expires_in?: number };
    const token = answer.token ?? answer.access_token;
    if (token === undefined) return false;
    const until = Date.now() + (answer.expires_in ?? DEFAULT_LIFE_SECONDS) * 1000 - SAFETY_MS;
    this.tokens.set(scope, { header: `Bearer ${token}`, until });
    return true;
  }
}

/** `name="value"` pairs of a challenge. */
function parseParameters(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const match of text.matchAll(/([a-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,]+))/gi)) {
    if (match[1] !== undefined) found[match[1].toLowerCase()] = match[2] ?? match[3] ?? "";
  }
  return found;
}
