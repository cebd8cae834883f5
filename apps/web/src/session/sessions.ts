/** The session is an encrypted cookie: whoever is signed in, and the tokens that speak for them. No server keeps any. */
import { z } from "zod";
import type { Config } from "../config.ts";
import { readCookies, readLongCookie, setCookie, setLongCookie, cookieName } from "./cookies.ts";
import { createSeal } from "./seal.ts";

const sessionSchema = z.object({
  /** What the APIs take. */
  token: z.string(),
  /** Epoch milliseconds. */
  expiresAt: z.number(),
  refreshToken: z.string().nullable(),
  /** When the person came from the issuer; epoch milliseconds. */
  signedInAt: z.number(),
  subject: z.string(),
  name: z.string().nullable(),
  email: z.string().nullable(),
});
export type Session = z.output<typeof sessionSchema>;

/** What is remembered between leaving for the issuer and coming back. */
const departureSchema = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), returnTo: z.string() });
export type Departure = z.output<typeof departureSchema>;

export interface Sessions {
  read(request: Request): Promise<Session | undefined>;
  /** `Set-Cookie` headers. */
  keep(request: Request, session: Session): Promise<string[]>;
  drop(request: Request): string[];
  keepDeparture(departure: Departure): Promise<string>;
  readDeparture(request: Request, state: string): Promise<Departure | undefined>;
  dropDeparture(state: string): string;
}

const SESSION = "whs_session";
const DEPARTURE = "whs_sign_in";
const SESSION_LIFETIME_SECONDS = 30 * 24 * 60 * 60;
const DEPARTURE_LIFETIME_SECONDS = 10 * 60;

/** Whether somebody may be signed in: the cookie need not be good. */
export function bearsSession(request: Request): boolean {
  return [...readCookies(request.headers.get("cookie")).keys()].some((name) => name.replace("__Host-", "").startsWith(SESSION));
}

export function createSessions({ sessionSecret, secure }: Pick<Config, "sessionSecret" | "secure">): Sessions {
  const sessions = createSeal({
    secret: sessionSecret,
    purpose: "session",
    lifetimeSeconds: SESSION_LIFETIME_SECONDS,
    parse: (value) => sessionSchema.safeParse(value).data,
  });
  const departures = createSeal({
    secret: sessionSecret,
    purpose: "sign-in",
    lifetimeSeconds: DEPARTURE_LIFETIME_SECONDS,
    parse: (value) => departureSchema.safeParse(value).data,
  });
  const cookiesOf = (request: Request): Map<string, string> => readCookies(request.headers.get("cookie"));
  // One per attempt, so that two tabs can sign in at once.
  const departureName = (state: string): string => `${DEPARTURE}_${state.replace(/[^A-Za-z0-9_-]/g, "").slice(0, 8)}`;
  return {
    async read(request) {
      const sealed = readLongCookie(cookiesOf(request), SESSION, { secure });
      return sealed === undefined ? undefined : sessions.open(sealed);
    },
    async keep(request, session) {
      const sealed = await sessions.seal(session);
      return setLongCookie(SESSION, sealed, { secure, maxAge: SESSION_LIFETIME_SECONDS }, cookiesOf(request));
    },
    drop: (request) => setLongCookie(SESSION, "", { secure, maxAge: 0 }, cookiesOf(request)),
    keepDeparture: async (departure) =>
      setCookie(departureName(departure.state), await departures.seal(departure), { secure, maxAge: DEPARTURE_LIFETIME_SECONDS }),
    async readDeparture(request, state) {
      const sealed = cookiesOf(request).get(cookieName(departureName(state), { secure }));
      const departure = sealed === undefined ? undefined : await departures.open(sealed);
      return departure?.state === state ? departure : undefined;
    },
    dropDeparture: (state) => setCookie(departureName(state), "", { secure, maxAge: 0 }),
  };
}
