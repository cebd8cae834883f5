import { type ActionFunctionArgs, redirect } from "react-router";
import { appContext } from "../../context.ts";
import { paths } from "../../paths.ts";
import { THEME_COOKIE } from "../../preferences.ts";
import { ownPath } from "../../session/return-to.ts";

const YEAR_SECONDS = 31_536_000;

export const loader = () => redirect(paths.home());

/** Keeps the theme. Form fields: `theme` (system, light or dark), `returnTo`. */
export async function action({ request, context }: ActionFunctionArgs): Promise<Response> {
  const form = await request.formData();
  const theme = form.get("theme");
  const returnTo = form.get("returnTo");
  const known = theme === "light" || theme === "dark";
  const { secure } = context.get(appContext).config;
  const cookie = `${THEME_COOKIE}=${known ? theme : ""}; Path=/; Max-Age=${known ? YEAR_SECONDS : 0}; SameSite=Lax${secure ? "; Secure" : ""}`;
  return redirect(ownPath(typeof returnTo === "string" ? returnTo : null, paths.home()), {
    status: 303,
    headers: { "set-cookie": cookie },
  });
}
