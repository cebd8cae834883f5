import { type ReactNode, use } from "react";
import {
  data,
  Links,
  type LoaderFunctionArgs,
  Meta,
  Outlet,
  Scripts,
  ScrollRestoration,
  useMatches,
  useRouteLoaderData,
} from "react-router";
import { sessionOf } from "./api.server.ts";
import { appContext } from "./context.ts";
import { takeFlash } from "./flash.server.ts";
import { NonceContext } from "./nonce.ts";
import { DEFAULT_PREFERENCES, PreferencesContext, readPreferences } from "./preferences.ts";
import { readCookies } from "./session/cookies.ts";
import { sessionMiddleware } from "./session/middleware.ts";
import { PageProblem } from "./shell/page-problem.tsx";
import styles from "./styles.css?url";
import { PendingBar } from "./ui/pending-bar.tsx";
import { RouteAnnouncer } from "./ui/route-announcer.tsx";
import { Toaster } from "./ui/toast.tsx";

export const middleware = [sessionMiddleware];

export function loader({ request, context }: LoaderFunctionArgs) {
  const { config, traceId } = context.get(appContext);
  const session = sessionOf({ context });
  const flash = takeFlash(request, context);
  return data(
    {
      person: session === null ? null : { name: session.name, email: session.email },
      preferences: readPreferences(readCookies(request.headers.get("cookie")), request.headers.get("accept-language")),
      traceId,
      /** Whether the installation has one. */
      marketplace: config.fleetpromptUrl !== undefined,
      said: flash?.sentence ?? null,
    },
    flash === undefined ? {} : { headers: { "set-cookie": flash.header } },
  );
}

export const links = () => [
  { rel: "stylesheet", href: styles },
  { rel: "icon", href: "/favicon.svg", type: "image/svg+xml" },
];

export const meta = () => [{ title: "WebHost Systems" }];

/** The document around every page, error pages included; those may come before the loader has answered. */
export function Layout({ children }: { children: ReactNode }) {
  const nonce = use(NonceContext);
  const loaded = useRouteLoaderData<typeof loader>("root");
  const preferences = loaded?.preferences ?? DEFAULT_PREFERENCES;
  // Pages that are complete as they arrive say `handle = { scripts: false }` and load none.
  const scripted = !useMatches().some(({ handle }) => isScriptless(handle));
  return (
    <html lang="en" {...(preferences.theme === "system" ? {} : { "data-theme": preferences.theme })}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content={preferences.theme === "system" ? "light dark" : preferences.theme} />
        <Meta />
        <Links nonce={nonce} />
      </head>
      <body>
        <PreferencesContext value={preferences}>
          <a
            href="#main"
            className="sr-only focus:not-sr-only focus:fixed focus:left-3 focus:top-3 focus:z-50 focus:rounded-md focus:bg-accent focus:px-4 focus:py-2 focus:text-on-accent"
          >
            Skip to the content
          </a>
          <PendingBar />
          <Toaster said={loaded?.said ?? null}>{children}</Toaster>
          <RouteAnnouncer />
        </PreferencesContext>
        {scripted && <ScrollRestoration nonce={nonce} />}
        {scripted && <Scripts nonce={nonce} />}
      </body>
    </html>
  );
}

function isScriptless(handle: unknown): boolean {
  return typeof handle === "object" && handle !== null && "scripts" in handle && handle.scripts === false;
}

export default function App() {
  return <Outlet />;
}

export function ErrorBoundary() {
  return (
    <main id="main" tabIndex={-1} className="mx-auto max-w-2xl px-4 py-16">
      <PageProblem />
    </main>
  );
}
