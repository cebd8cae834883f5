import type { Config } from "../config.ts";

const TWO_YEARS_SECONDS = 63_072_000;

/** Headers of every page. Scripts and style sheets are our own files, or bear the page's nonce. */
export function securityHeaders({ secure, fleetpromptPublicUrl }: Pick<Config, "secure" | "fleetpromptPublicUrl">, nonce: string) {
  // Pictures of listings come from the marketplace's API.
  const pictures = fleetpromptPublicUrl === undefined ? "" : ` ${new URL(fleetpromptPublicUrl).origin}`;
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    `img-src 'self' data:${pictures}`,
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    ...(secure ? ["upgrade-insecure-requests"] : []),
  ];
  return {
    "content-security-policy": policy.join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    ...(secure ? { "strict-transport-security": `max-age=${TWO_YEARS_SECONDS}; includeSubDomains` } : {}),
  };
}
