/** Whose request it is: the address that the APIs count a visitor's requests by. */
import { ConfigurationError } from "@whs/platform/config";
import proxyAddress from "@fastify/proxy-addr";
import { isIP } from "node:net";

/** `connection` is the address that the connection comes from, `forwardedFor` the header as it came. */
export type VisitorAddress = (connection: string, forwardedFor: string | null) => string;

/**
 * Only what trusted proxies say counts: from the connection back, the first address that is not one of theirs. Whatever
 * a visitor wrote before it is left out.
 * @param trustedProxies addresses and networks @throws ConfigurationError
 */
export function createVisitorAddress(trustedProxies: readonly string[]): VisitorAddress {
  const isTrusted = compile(trustedProxies);
  return (connection, forwardedFor) => {
    let address = plain(connection);
    const told = (forwardedFor ?? "").split(",").map((part) => plain(part.trim()));
    for (const [hop, previous] of told.toReversed().entries()) {
      if (!isTrusted(address, hop) || isIP(previous) === 0) break;
      address = previous;
    }
    return address;
  };
}

function compile(trustedProxies: readonly string[]): (address: string, hop: number) => boolean {
  try {
    return proxyAddress.compile([...trustedProxies]);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ConfigurationError(`Cannot start:\n  WHS_TRUSTED_PROXIES: ${error.message}`, { cause: error });
  }
}

/** An IPv4 address as such, where a socket for both writes it as IPv6. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
