import { type LookupAddress, promises as dns } from "node:dns";
import type { LookupFunction } from "node:net";
import { callbackify } from "node:util";
import { isPublicAddress } from "../addresses/index.ts";
import { EgressRefusal } from "./refusal.ts";

const QUERY_TIMEOUT_MS = 3_000;
const TRIES = 2;
/** What a server says when a name has no address of one family. */
const NO_ADDRESS = new Set(["ENODATA", "ENOTFOUND"]);

/**
 * Gives a socket only public addresses, and refuses a name that has none. Nothing resolves the name a second time.
 *
 * Names are asked of DNS servers over the network, those of the system unless `servers` (addresses, with `:port` if it is not
 * 53) are given. The system's own resolver would wait in the few threads that also read and write this process's files, where
 * an agent could make everybody wait; and it would tell agents what this machine's hosts file holds.
 */
export function createPublicLookup(servers: readonly string[] = []): LookupFunction {
  const resolver = new dns.Resolver({ timeout: QUERY_TIMEOUT_MS, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  const find = callbackify((hostname: string) => publicAddresses(resolver, hostname));
  return (hostname, options, callback) => {
    find(hostname, (error, addresses) => {
      if (error !== null) return callback(error, []);
      if (options.all === true) return callback(null, addresses);
      const [first] = addresses;
      callback(null, first?.address ?? "", first?.family);
    });
  };
}

/** @throws EgressRefusal when every address is private; else the error of the name's servers. */
async function publicAddresses(resolver: dns.Resolver, hostname: string): Promise<LookupAddress[]> {
  if (/(?:^|\.)localhost\.?$/i.test(hostname)) throw new EgressRefusal(`${hostname} has no public address`);
  const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const found = answers.flatMap((answer, index) =>
    answer.status === "fulfilled" ? answer.value.map((address) => ({ address, family: index === 0 ? 4 : 6 })) : [],
  );
  if (found.length === 0) {
    const failures = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason as NodeJS.ErrnoException] : []));
    throw failures.find(({ code }) => !NO_ADDRESS.has(code ?? "")) ?? failures[0] ?? new EgressRefusal(`${hostname} has no address`);
  }
  const open = found.filter(({ address }) => isPublicAddress(address));
  if (open.length === 0) throw new EgressRefusal(`${hostname} has no public address`);
  return open;
}
