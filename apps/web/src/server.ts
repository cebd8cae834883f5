/** Entry of the server's bundle: from a request of a browser to a page. */
import type { Logger } from "@whs/platform/log";
import { createRequestHandler, RouterContextProvider } from "react-router";
import * as build from "virtual:react-router/server-build";
import type { Config } from "./config.ts";
import { appContext, type App } from "./context.ts";
import { createRouteNames } from "./route-names.ts";
import { createOidc } from "./session/oidc.ts";
import { createSessions } from "./session/sessions.ts";

/** What the HTTP server calls; the only thing that leaves the bundle. */
export interface Pages {
  answer(request: Request, identity: Pick<App, "nonce" | "traceId" | "address">): Promise<Response>;
  /** Template of the page at a path, such as `/agents/:agentId`; undefined where there is none. */
  routeOf(pathname: string): string | undefined;
}
export type CreatePages = (config: Config, log: Logger) => Pages;

export const createPages: CreatePages = (config, log) => {
  const app: Omit<App, "nonce" | "traceId" | "address"> = { config, log, oidc: createOidc(config), sessions: createSessions(config) };
  const handle = createRequestHandler(build, "production");
  return {
    answer(request, identity) {
      const context = new RouterContextProvider();
      context.set(appContext, { ...app, ...identity });
      return handle(request, context);
    },
    routeOf: createRouteNames(build.routes),
  };
};
