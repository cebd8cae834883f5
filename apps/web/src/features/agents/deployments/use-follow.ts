import { useEffect } from "react";
import { useRevalidator } from "react-router";

const EVERY_MS = 1_000;

/** Loads the page again, and again, while something on it is still under way. */
export function useFollow(underWay: boolean): void {
  const { revalidate, state } = useRevalidator();
  useEffect(() => {
    if (!underWay || state !== "idle") return undefined;
    const timer = setTimeout(() => void revalidate(), EVERY_MS);
    return () => clearTimeout(timer);
  }, [underWay, state, revalidate]);
}
