/** One sentence that the next page says: what a form has done, after its redirect. */
import { redirect, type RouterContextProvider } from "react-router";
import { appContext } from "./context.ts";
import { cookieName, readCookies, setCookie } from "./session/cookies.ts";

const FLASH = "whs_said";
const LIFETIME_SECONDS = 60;
const LONGEST = 300;

/** Where an action ends: the page that shows what is new, and a sentence about it. */
export function redirectWith(context: Readonly<RouterContextProvider>, to: string, sentence: string): Response {
  const { secure } = context.get(appContext).config;
  const value = encodeURIComponent(sentence.slice(0, LONGEST));
  return redirect(to, { status: 303, headers: { "set-cookie": setCookie(FLASH, value, { secure, maxAge: LIFETIME_SECONDS }) } });
}

/** @returns the sentence, and the header that keeps it from being said twice */
export function takeFlash(request: Request, context: Readonly<RouterContextProvider>): { sentence: string; header: string } | undefined {
  const { secure } = context.get(appContext).config;
  const value = readCookies(request.headers.get("cookie")).get(cookieName(FLASH, { secure }));
  if (value === undefined || value === "") return undefined;
  try {
    return { sentence: decodeURIComponent(value).slice(0, LONGEST), header: setCookie(FLASH, "", { secure, maxAge: 0 }) };
  } catch {
    // Not of our making.
    return undefined;
  }
}
