import type { LookupAddress, LookupAllOptions } from "node:dns";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DnsServer } from "../testing/dns-server.ts";
import { createPublicLookup } from "./public-lookup.ts";

let server: DnsServer;
let rebinding = 0;

beforeAll(async () => {
  server = await DnsServer.start((name, type) => {
    const v4 = type === "A";
    if (name === "public.test") return v4 ? ["1.1.1.1", "10.0.0.1"] : ["2606:4700::1111", "fd00::1"];
    if (name === "mapped.test") return v4 ? [] : ["::ffff:101:101", "::ffff:7f00:1", "64:ff9b::7f00:1"];
    if (name === "metadata.test") return v4 ? ["169.254.169.254"] : ["fd00:ec2::254"];
    if (name === "rebinding.test" && v4) return rebinding++ === 0 ? ["1.1.1.1"] : ["127.0.0.1"];
    return [];
  });
});
afterAll(() => server.close());

function look(name: string): Promise<LookupAddress[]> {
  const options: LookupAllOptions = { all: true };
  return new Promise((resolve, reject) => {
    createPublicLookup([server.address])(name, options, (error, addresses) => {
      if (error === null) resolve(addresses as LookupAddress[]);
      else reject(error);
    });
  });
}

test("of a name's addresses only the public ones are tried", async () => {
  expect(await look("public.test")).toEqual([
    { address: "1.1.1.1", family: 4 },
    { address: "2606:4700::1111", family: 6 },
  ]);
});

test("a name of private, metadata, mapped or translated addresses only is refused", async () => {
  for (const name of ["metadata.test", "mapped.test", "localhost", "x.localhost", "localhost."])
    await expect(look(name), name).rejects.toThrow("has no public address");
});

test("a name that changes from public to private is resolved once for a connection, and refused for the next", async () => {
  expect(await look("rebinding.test")).toEqual([{ address: "1.1.1.1", family: 4 }]);
  expect(server.questions.filter((question) => question === "rebinding.test A")).toHaveLength(1);
  await expect(look("rebinding.test")).rejects.toThrow("has no public address");
});

test("a name that nobody knows says so", async () => {
  await expect(look("unknown.test")).rejects.toMatchObject({ code: "ENODATA" });
});
