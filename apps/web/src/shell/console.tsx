import { getMe } from "@whs/api";
import { CircleUser, Menu as MenuIcon } from "lucide-react";
import { Form, type LoaderFunctionArgs, NavLink, Outlet, useLoaderData, useRouteLoaderData } from "react-router";
import { apiOf } from "../api.server.ts";
import { navigation } from "../navigation.ts";
import { paths } from "../paths.ts";
import type { loader as rootLoader } from "../root.tsx";
import { Badge } from "../ui/badge.tsx";
import { classNames } from "../ui/class-names.ts";
import { Menu } from "../ui/menu.tsx";
import { Brand } from "./brand.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";

/** Who is signed in and what their plan allows; pages read it with `useAccount` (account.ts). */
export async function loader(args: LoaderFunctionArgs) {
  const { user, entitlements } = await apiOf(args).call(getMe, {});
  return { user, entitlements };
}

export default function ConsoleShell() {
  const { user } = useLoaderData<typeof loader>();
  const name = user.name ?? user.email ?? "Account";
  return (
    <div className="flex min-h-dvh flex-col lg:grid lg:grid-cols-[15rem_minmax(0,1fr)] lg:grid-rows-[auto_1fr]">
      <header className="sticky top-0 z-40 flex items-center justify-between gap-3 border-b border-line bg-surface px-3 py-2 lg:col-span-2">
        <div className="flex items-center gap-1">
          <NarrowNavigation />
          <Brand to={paths.agents()} />
        </div>
        <Menu
          label={`Account of ${name}`}
          button={
            <>
              <CircleUser aria-hidden className="size-5" />
              <span className="hidden max-w-48 truncate sm:inline">{name}</span>
            </>
          }
        >
          <div className="border-b border-line px-2 pb-2">
            <p className="truncate font-medium">{name}</p>
            {user.email !== null && <p className="truncate text-sm text-muted">{user.email}</p>}
            <p className="mt-1">
              <Badge tone="accent">{user.subscriptionTier} plan</Badge>
            </p>
          </div>
          <div className="border-b border-line px-1 py-2">
            <ThemeSwitch />
          </div>
          <Form method="post" action={paths.signOut()} reloadDocument className="pt-2">
            <button type="submit" className="w-full rounded-md px-2 py-1.5 text-left hover:bg-hover">
              Sign out
            </button>
          </Form>
        </Menu>
      </header>
      <aside className="hidden border-r border-line bg-surface p-3 lg:block">
        <nav aria-label="Console" className="sticky top-16">
          <Links />
        </nav>
      </aside>
      <main id="main" tabIndex={-1} className="w-full min-w-0 max-w-[110rem] px-4 py-6 lg:px-8">
        <Outlet />
      </main>
    </div>
  );
}

/** On narrow screens the navigation is behind a button. */
function NarrowNavigation() {
  return (
    <details className="group lg:hidden">
      <summary aria-label="Navigation" className="flex size-9 list-none items-center justify-center rounded-md hover:bg-hover">
        <MenuIcon aria-hidden className="size-5" />
      </summary>
      <nav aria-label="Console" className="absolute inset-x-0 top-full border-b border-line bg-raised p-3 shadow-lg">
        <Links />
      </nav>
    </details>
  );
}

function Links() {
  const marketplace = useRouteLoaderData<typeof rootLoader>("root")?.marketplace ?? false;
  return (
    <ul className="flex flex-col gap-0.5">
      {navigation
        .filter((entry) => entry.of === undefined || marketplace)
        .map(({ label, to, icon: Icon }) => (
          <li key={to}>
            <NavLink
              to={to}
              className={({ isActive }) =>
                classNames(
                  "flex items-center gap-3 rounded-md px-3 py-1.5 font-medium",
                  isActive ? "bg-accent-soft text-accent" : "text-text hover:bg-hover",
                )
              }
            >
              <Icon aria-hidden className="size-4 shrink-0" />
              {label}
            </NavLink>
          </li>
        ))}
    </ul>
  );
}
