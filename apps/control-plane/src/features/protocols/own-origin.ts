import { AppError } from "@whs/platform/errors";
import type { HttpRequest } from "@whs/platform/http";
import type { Config } from "../../config.ts";

const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * A page of somebody else's, in a browser, may not speak to this service through a name that it made point here. Programs
 * send no `Origin`.
 * @throws AppError `UNAUTHORIZED`
 */
export function requireOwnOrigin(config: Pick<Config, "publicUrl" | "corsOrigins">, { headers }: HttpRequest): void {
  const { origin } = headers;
  if (origin === undefined || config.corsOrigins.includes(origin)) return;
  const at = URL.canParse(origin) ? new URL(origin) : undefined;
  const publicUrl = config.publicUrl === undefined ? undefined : new URL(config.publicUrl);
  if (at !== undefined && at.origin === publicUrl?.origin) return;
  const isLocal = publicUrl === undefined || loopbackNames.has(publicUrl.hostname);
  if (at !== undefined && isLocal && loopbackNames.has(at.hostname)) return;
  throw new AppError("UNAUTHORIZED", "This origin may not call.");
}
