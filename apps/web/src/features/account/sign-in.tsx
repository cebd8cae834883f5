import type { LoaderFunctionArgs } from "react-router";
import { depart } from "./depart.server.ts";

export const loader = (args: LoaderFunctionArgs) => depart(args, { create: false });

/** Shown never: the loader leads on, or throws what the error page says. */
export default function Nothing() {
  return null;
}
