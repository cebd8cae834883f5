import { Outlet, useRouteLoaderData } from "react-router";
import { paths } from "../paths.ts";
import type { loader as rootLoader } from "../root.tsx";
import { ButtonLink } from "../ui/button.tsx";
import { Brand } from "./brand.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";

/** Pages that anybody may see are complete as they arrive: forms and links work, and no script is loaded. */
export const handle = { scripts: false };

/** Around pages that anybody may see. */
export default function PublicShell() {
  const loaded = useRouteLoaderData<typeof rootLoader>("root");
  const person = loaded?.person ?? null;
  const marketplace = loaded?.marketplace ?? false;
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="border-b border-line bg-surface">
        <div className="mx-auto flex max-w-7xl flex-wrap items-center justify-between gap-x-6 gap-y-2 px-4 py-2">
          <Brand to={paths.home()} />
          <nav aria-label="Site" className="flex flex-wrap gap-2">
            {marketplace && (
              <ButtonLink look="quiet" to={paths.marketplace()} reloadDocument>
                Marketplace
              </ButtonLink>
            )}
            {person === null ? (
              <>
                <ButtonLink look="quiet" to={paths.signIn()} reloadDocument>
                  Sign in
                </ButtonLink>
                <ButtonLink look="primary" to={paths.signUp()} reloadDocument>
                  Sign up
                </ButtonLink>
              </>
            ) : (
              <ButtonLink look="primary" to={paths.agents()}>
                Console
              </ButtonLink>
            )}
          </nav>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="mx-auto w-full max-w-7xl flex-1 px-4 py-8">
        <Outlet />
      </main>
      <footer className="border-t border-line">
        <div className="mx-auto flex max-w-7xl flex-wrap items-center justify-between gap-4 px-4 py-4 text-sm text-muted">
          <p>WebHost Systems</p>
          <ThemeSwitch />
        </div>
      </footer>
    </div>
  );
}
