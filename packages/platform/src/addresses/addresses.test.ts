import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressList, clientNetwork, isPublicAddress } from "./index.ts";

const PRIVATE = [
  [
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
  ],
  [
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
  ],
  [
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
  ],
  ["fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "100::1", "3fff::1", "5f00::1"],
].flat();
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "192.167.255.255",
  "198.17.255.255",
  "223.255.255.255",
  "2606:4700::1111",
  "2a00:1450::1",
  "2400:cb00::1",
];

describe("public addresses", () => {
  test.each(PRIVATE)("%s is refused", (address) => expect(isPublicAddress(address)).toBe(false));
  test.each(PUBLIC)("%s is allowed", (address) => expect(isPublicAddress(address)).toBe(true));

  test("a zone, a name and a number are no addresses", () => {
    for (const text of ["fe80::1%eth0", "2606:4700::1%eth0", "localhost", "2130706433", "0x7f.1", "127.1", "", "1.1.1.1 "])
      expect(isPublicAddress(text)).toBe(false);
  });

  test("every spelling of a mapped IPv4 address is refused", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const spelling of [
          `::ffff:${address}`,
          `::ffff:${hex}`,
          `0:0:0:0:0:ffff:${hex}`,
          `::FFFF:${hex}`,
          `0000:0000:0000:0000:0000:ffff:${address}`,
          `::${hex}`,
        ])
          expect(isPublicAddress(spelling), spelling).toBe(false);
      }),
    );
  });

  test("nothing in a private IPv4 network is allowed", () => {
    const octet = fc.nat(255);
    fc.assert(
      fc.property(fc.constantFrom(0, 10, 127), octet, octet, octet, (first, b, c, d) => {
        expect(isPublicAddress(`${first}.${b}.${c}.${d}`)).toBe(false);
      }),
    );
  });
});

describe("a list of addresses", () => {
  const list = addressList(["10.1.0.0/16", "192.168.1.7", "fd00:1::/32", "::1"]);

  test.each(["10.1.0.1", "10.1.255.255", "192.168.1.7", "fd00:1::5", "::1"])("has %s", (address) => expect(list(address)).toBe(true));
  test.each(["10.2.0.1", "192.168.1.8", "fd00:2::1", "::2", "::ffff:10.1.0.1", "8.8.8.8", "", "ten", "10.1.0.1.example.com"])(
    "does not have %j",
    (address) => expect(list(address)).toBe(false),
  );
  test.each(["10.0.0.0/33", "10.0.0", "::1/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/x", "fe80::1%eth0", "example.com", ""])(
    "cannot hold %j",
    (entry) => expect(() => addressList([entry])).toThrow(RangeError),
  );
});

describe("the client behind an address", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:CB00:7107", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::5", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["not an address", "unknown"],
    ["", "unknown"],
  ])("of %j is %j", (address, client) => expect(clientNetwork(address)).toBe(client));

  test("is the same for all addresses of a /64 and another one elsewhere", () => {
    const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
    const half = fc.tuple(group, group, group, group).map((groups) => groups.join(":"));
    fc.assert(
      fc.property(half, half, half, half, (network, other, host, anotherHost) => {
        expect(clientNetwork(`${network}:${host}`)).toBe(clientNetwork(`${network}:${anotherHost}`));
        fc.pre(network !== other);
        expect(clientNetwork(`${network}:${host}`)).not.toBe(clientNetwork(`${other}:${host}`));
      }),
    );
  });
});
