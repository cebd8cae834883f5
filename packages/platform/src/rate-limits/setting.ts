import { z } from "zod";
import type { RateRule } from "./port.ts";

const windows: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600 };

/** A rate in the environment: `600/minute`, also per `second` or `hour`; `off` for none. */
export function rateSetting(fallback: string) {
  return z
    .string()
    .regex(/^([1-9]\d{0,8}\/(second|minute|hour)|off)$/, 'must be a rate such as 600/minute, or "off"')
    .default(fallback)
    .transform(toRule)
    .describe("a rate such as 600/minute (second, minute or hour), or off");
}

function toRule(text: string): RateRule | undefined {
  const [count, window] = text.split("/");
  return window === undefined ? undefined : { limit: Number(count), windowSeconds: windows[window] ?? 1 };
}
