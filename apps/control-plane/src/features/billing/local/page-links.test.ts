import fc from "fast-check";
import { expect, test } from "vitest";
import { createPageLinks, pagePath, type PagePurpose } from "./page-links.ts";

const now = new Date("2026-03-01T12:00:00Z");
const links = createPageLinks(Buffer.alloc(32, 1));
const purpose: PagePurpose = { userId: "usr_x", tier: "pro", expiresAt: now.getTime() + 1000 };
const tokenOf = (path: string): string => path.slice(pagePath.length + 1);

test("a link is good for what it was made for, until it expires", () => {
  const token = tokenOf(links.sign(purpose));
  expect(links.verify(token, now)).toEqual(purpose);
  expect(links.verify(token, new Date(purpose.expiresAt - 1))).toEqual(purpose);
  expect(links.verify(token, new Date(purpose.expiresAt))).toBeUndefined();
});

test("a link of another key is refused", () => {
  expect(createPageLinks(Buffer.alloc(32, 2)).verify(tokenOf(links.sign(purpose)), now)).toBeUndefined();
});

test("a link with any one character changed is refused", () => {
  const token = tokenOf(links.sign(purpose));
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...Array.from(alphabet)), (index, character) => {
      fc.pre(token[index] !== character);
      expect(links.verify(token.slice(0, index) + character + token.slice(index + 1), now)).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});

test("no text at all passes by chance or breaks the check", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (token) => {
      expect(links.verify(token, now)).toBeUndefined();
    }),
  );
});
