import { describe, expect, test } from "vitest";
import { readArchiveHost } from "./archive-host.ts";

const read = (url: string, privateAddresses: string[] = []) => readArchiveHost({ url, privateAddresses, timeoutMs: 1000 });

describe("the host of archives", () => {
  test("is reached at public addresses only", () => {
    const { url, mayReach } = read("https://codeload.github.com/");
    expect(url).toBe("https://codeload.github.com");
    expect(mayReach("140.82.121.9")).toBe(true);
    for (const address of ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "not an address"])
      expect(mayReach(address)).toBe(false);
  });

  test("is reached at the private addresses that the operator lists, and at no others", () => {
    const { mayReach } = read("https://github.example.internal/_codeload", ["10.20.0.0/16", "fd12::1"]);
    for (const address of ["10.20.3.4", "fd12::1", "140.82.121.9"]) expect(mayReach(address)).toBe(true);
    for (const address of ["10.21.0.1", "fd12::2", "127.0.0.1", "169.254.169.254"]) expect(mayReach(address)).toBe(false);
  });

  test.each(["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "https://127.0.0.1"])(
    "is this machine only if its URL says so: %s",
    (url) => {
      expect(read(url).mayReach("127.0.0.1")).toBe(true);
      expect(read(url).mayReach("10.0.0.1")).toBe(false);
    },
  );

  test.each([
    "http://codeload.github.com",
    "http://10.0.0.1",
    "http://localhost.example.com",
    "ftp://127.0.0.1",
    "https://user@codeload.github.com",
    "https://codeload.github.com?x=1",
    "https://codeload.github.com#x",
  ])("is not %s", (url) => expect(() => read(url)).toThrow("WHS_GITHUB_ARCHIVE_URL: must be"));

  test("does not start with a list that is none", () => {
    expect(() => read("https://codeload.github.com", ["10.0.0.0/40"])).toThrow("WHS_GITHUB_ARCHIVE_ADDRESSES: ");
  });
});
