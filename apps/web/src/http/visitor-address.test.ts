import { expect, test } from "vitest";
import { createVisitorAddress } from "./visitor-address.ts";

test.each([
  ["nobody's word counts while nobody is trusted", [], "127.0.0.1", "203.0.113.9", "127.0.0.1"],
  ["a visitor who comes directly has their own address, whatever they write", ["10.0.0.1"], "203.0.113.9", "198.51.100.7", "203.0.113.9"],
  ["a proxy's word counts", ["10.0.0.1"], "10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["what a visitor wrote before the proxy's word does not", ["10.0.0.1"], "10.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"],
  ["several proxies are passed by", ["10.0.0.0/8"], "10.0.0.1", "198.51.100.7, 203.0.113.9, 10.1.1.1", "203.0.113.9"],
  ["what is no address ends the way", ["10.0.0.0/8"], "10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
  ["IPv6 is an address too", ["::1"], "::1", "2001:db8::7", "2001:db8::7"],
  ["a socket for both writes IPv4 in its way", ["127.0.0.1"], "::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["a proxy that says nothing is the visitor", ["10.0.0.1"], "10.0.0.1", null, "10.0.0.1"],
])("%s", (_name, trusted, connection, forwardedFor, expected) => {
  expect(createVisitorAddress(trusted)(connection, forwardedFor)).toBe(expected);
});

test("what is no address or network stops the start", () => {
  expect(() => createVisitorAddress(["proxy.example"])).toThrow("WHS_TRUSTED_PROXIES");
});
