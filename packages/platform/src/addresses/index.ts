import { BlockList, isIP } from "node:net";

/**
 * Addresses that nothing of a customer may make us reach: all that is not the public internet. From the IANA special-purpose
 * registries for IPv4 and IPv6.
 */
const IPV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local, with the clouds' metadata services at 169.254.169.254.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;
const IPV6 = [
  // Unspecified, loopback, and IPv4-compatible addresses.
  ["::", 96],
  // IPv4-mapped and IPv4-translated addresses: whoever means IPv4 can say so.
  ["::ffff:0:0", 96],
  ["::ffff:0:0:0", 96],
  // NAT64, which would reach IPv4 addresses that are refused as such.
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  // Teredo, benchmarking, documentation, ORCHID.
  ["2001::", 23],
  ["2001:db8::", 32],
  // 6to4, which holds an IPv4 address.
  ["2002::", 16],
  ["3fff::", 20],
  ["5f00::", 16],
  // Unique local, with AWS's metadata service at fd00:ec2::254; link-local; site-local; multicast.
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;
/** Apart: one list for both would match every IPv4 address by the rule for those that are mapped into IPv6. */
const blockedIpv4 = new BlockList();
const blockedIpv6 = new BlockList();
for (const [network, prefix] of IPV4) blockedIpv4.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of IPV6) blockedIpv6.addSubnet(network, prefix, "ipv6");

/** Whether an address belongs to the public internet. Text that is no address does not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return false;
  if (family === 4) return !blockedIpv4.check(address, "ipv4");
  return !blockedIpv6.check(address, "ipv6") && !isMapped(address);
}

/** A BlockList may read `::ffff:a.b.c.d` as the IPv4 address, which no rule for IPv6 sees; whoever means IPv4 can say so. */
function isMapped(address: string): boolean {
  return new URL(`http://[${address}]/`).hostname.startsWith("[::ffff:");
}

/**
 * A test for addresses and networks such as `10.1.2.3`, `10.0.0.0/8` and `fd00::/8`.
 * @throws RangeError naming the entry that is neither.
 */
export function addressList(entries: readonly string[]): (address: string) => boolean {
  const ipv4 = new BlockList();
  const ipv6 = new BlockList();
  for (const entry of entries) {
    const [network = "", prefix, ...rest] = entry.split("/");
    const family = isIP(network);
    const longest = family === 4 ? 32 : 128;
    const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || network.includes("%") || rest.length > 0 || !(length <= longest))
      throw new RangeError(`"${entry}" is neither an address nor a network such as 10.0.0.0/8`);
    if (family === 4) ipv4.addSubnet(network, length, "ipv4");
    else ipv6.addSubnet(network, length, "ipv6");
  }
  return (address) => (isIP(address) === 4 ? ipv4.check(address, "ipv4") : isIP(address) === 6 && ipv6.check(address, "ipv6"));
}

/**
 * Whom a limit by address is for: an IPv4 address, or the /64 network that an IPv6 address is in, since whoever has one
 * address of such a network has all of them. Text that is no address is one client.
 */
export function clientNetwork(address: string): string {
  const [bare = ""] = address.split("%", 1);
  const family = isIP(bare);
  if (family === 4) return bare;
  if (family === 0) return "unknown";
  // The URL parser writes each address in one way: RFC 5952, with IPv4 in hexadecimal.
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped !== null)
    return mapped
      .slice(1)
      .flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
      .join(".");
  const [head = "", tail] = canonical.split("::", 2);
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const all = tail === undefined ? groups : [...groups, ...Array<string>(8 - groups.length - rest.length).fill("0"), ...rest];
  return `${all.slice(0, 4).join(":")}::/64`;
}
