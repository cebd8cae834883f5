import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CallChain, createCallTokens } from "./call-token.ts";

const tokens = createCallTokens(Buffer.alloc(32, 7));
const nowMs = 1_700_000_000_000;
const text = fc.string({ minLength: 1, maxLength: 20 });
const chains: fc.Arbitrary<CallChain> = fc.record({
  userId: text,
  traceId: text,
  traceparent: fc.option(text, { nil: undefined }),
  sessionId: fc.option(text, { nil: undefined }),
  until: fc.integer({ min: nowMs + 1, max: nowMs + 1e9 }),
  agentIds: fc.array(text, { minLength: 1, maxLength: 9 }),
});

describe("a call token", () => {
  it("says what it was given, until its time is over, in characters that any header takes", () => {
    fc.assert(
      fc.property(chains, (chain) => {
        const token = tokens.issue(chain);
        expect(token).toMatch(/^whs_call_[A-Za-z0-9_-]+$/);
        expect(tokens.verify(token, nowMs)).toEqual(chain);
        expect(tokens.verify(token, chain.until)).toBeUndefined();
        expect(createCallTokens(Buffer.alloc(32, 8)).verify(token, nowMs)).toBeUndefined();
      }),
    );
  });

  it("is refused when anything of it is changed, left out or added", () => {
    fc.assert(
      fc.property(chains, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (chain, place, character) => {
        const token = tokens.issue(chain);
        const at = place % token.length;
        fc.pre(token[at] !== character);
        // The last character of 43 bears only four bits; every other spelling of them is refused too.
        expect(tokens.verify(token.slice(0, at) + character + token.slice(at + 1), nowMs)).toBeUndefined();
        expect(tokens.verify(token.slice(0, at) + token.slice(at + 1), nowMs)).toBeUndefined();
        expect(tokens.verify(token.slice(0, at) + character + token.slice(at), nowMs)).toBeUndefined();
      }),
    );
  });

  it("is refused whatever else is sent", () => {
    fc.assert(
      fc.property(fc.string(), (other) => {
        expect(tokens.verify(other, nowMs)).toBeUndefined();
        expect(tokens.verify(`whs_call_${other}`, nowMs)).toBeUndefined();
      }),
    );
  });
});
