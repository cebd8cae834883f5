import type { Entitlements, User } from "@whs/api";
import { useRouteLoaderData } from "react-router";
import type { loader } from "./console.tsx";

/** The signed-in person and their plan, on every page of the console. */
export function useAccount(): { user: User; entitlements: Entitlements } {
  const account = useRouteLoaderData<typeof loader>("shell/console");
  if (account === undefined) throw new Error("useAccount is for pages of the console.");
  return account;
}
