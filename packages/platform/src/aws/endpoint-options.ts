import { ConfigurationError, isLoopback } from "../config/index.ts";

export interface EndpointOptions {
  /** Instead of Amazon's own. */
  endpoint?: string;
}

/**
 * The option `endpoint` of a store's URL.
 * @param variable the URL's, for the error.
 * @throws ConfigurationError when it is not an https URL; http is for loopback, and elsewhere if the operator insists.
 */
export function readEndpointOptions(variable: string, url: URL, allowHttp: boolean): EndpointOptions {
  const endpoint = url.searchParams.get("endpoint");
  if (endpoint === null) return {};
  const parsed = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const plain = parsed !== undefined && parsed.username === "" && parsed.password === "" && parsed.search === "" && parsed.hash === "";
  if (!plain || (parsed.protocol !== "https:" && parsed.protocol !== "http:"))
    throw new ConfigurationError(
      `Cannot start:\n  ${variable}: its endpoint should be like https://storage.example.com, without credentials`,
    );
  if (parsed.protocol === "http:" && !allowHttp && !isLoopback(parsed.hostname))
    throw new ConfigurationError(`Cannot start:\n  ${variable}: beyond loopback its endpoint must be https (WHS_ALLOW_HTTP=1 overrides)`);
  return { endpoint };
}
