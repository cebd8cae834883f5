/** What belongs to the process, and to one request, beside the request itself. */
import type { Logger } from "@whs/platform/log";
import { createContext } from "react-router";
import type { Config } from "./config.ts";
import type { Oidc } from "./session/oidc.ts";
import type { Session, Sessions } from "./session/sessions.ts";

export interface App {
  config: Config;
  log: Logger;
  oidc: Oidc;
  sessions: Sessions;
  /** Of the one page that answers this request. */
  nonce: string;
  /** Goes along with every call of an API, and onto error pages. */
  traceId: string;
  /** Of whoever looks at the page, for the rates of the APIs. */
  address: string;
}

export const appContext = createContext<App>();

/** Whoever is signed in; null for visitors. Set by the session middleware before any loader or action. */
export const sessionContext = createContext<Session | null>(null);
