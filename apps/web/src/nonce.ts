import { createContext } from "react";

/** Of this page; empty in the browser, which hides nonces from scripts anyway. */
export const NonceContext = createContext("");
