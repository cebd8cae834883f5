import { addressList, isPublicAddress } from "@whs/platform/addresses";
import { ConfigurationError, isLoopback } from "@whs/platform/config";

/** Where archives of repositories come from: nothing else is asked for them. */
export interface ArchiveHost {
  /** Without a slash at its end. */
  url: string;
  /** Whether a connection to an address that the host's name resolved to may be opened. */
  mayReach: (address: string) => boolean;
  /** For one archive, from the look-up of the name to the last byte. */
  timeoutMs: number;
}

const loopback = ["127.0.0.0/8", "::1"];

/**
 * Only https, save on loopback. Addresses that are not public are reached only if they are listed, or if the URL itself
 * says that the host is this machine.
 * @throws ConfigurationError
 */
export function readArchiveHost(read: { url: string; privateAddresses: readonly string[]; timeoutMs: number }): ArchiveHost {
  const { protocol, hostname, username, password, search, hash } = new URL(read.url);
  const isLocal = isLoopback(hostname);
  if (username !== "" || password !== "" || search !== "" || hash !== "")
    throw refusal("WHS_GITHUB_ARCHIVE_URL", "must be no more than scheme, host, port and path");
  if (protocol !== "https:" && !(protocol === "http:" && isLocal))
    throw refusal("WHS_GITHUB_ARCHIVE_URL", "must be https; http is only for loopback");
  const isListed = listOf([...read.privateAddresses, ...(isLocal ? loopback : [])]);
  return {
    url: read.url.replace(/\/+$/, ""),
    mayReach: (address) => isPublicAddress(address) || isListed(address),
    timeoutMs: read.timeoutMs,
  };
}

function listOf(entries: readonly string[]): (address: string) => boolean {
  try {
    return addressList(entries);
  } catch (error) {
    if (error instanceof RangeError) throw refusal("WHS_GITHUB_ARCHIVE_ADDRESSES", error.message);
    throw error;
  }
}

function refusal(variable: string, message: string): ConfigurationError {
  return new ConfigurationError(`Cannot start:\n  ${variable}: ${message}`);
}
