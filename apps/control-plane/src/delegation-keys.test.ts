import { describe, expect, test } from "vitest";
import { readDelegationKeys } from "./delegation-keys.ts";

const secret = (name: string): string => name.padEnd(32, "-");
const read = (sources: string[], env: Record<string, string> = {}): Record<string, string[]> =>
  Object.fromEntries([...readDelegationKeys(sources, env)].map(([source, keys]) => [source, keys.map((key) => key.toString())]));

describe("the keys of a source", () => {
  test("are its own, or the shared ones while it has none", () => {
    const env = { WHS_DELEGATION_SECRET: secret("shared"), WHS_DELEGATION_SECRET_AGENTELIC: secret("own") };
    expect(read(["agentromatic", "agentelic"], env)).toEqual({ agentromatic: [secret("shared")], agentelic: [secret("own")] });
  });

  test("are two while one replaces the other, and never a mixture of own and shared", () => {
    const env = {
      WHS_DELEGATION_SECRET: secret("shared"),
      WHS_DELEGATION_SECRET_PREVIOUS: secret("shared-old"),
      WHS_DELEGATION_SECRET_MY_FLOW: secret("own"),
      WHS_DELEGATION_SECRET_MY_FLOW_PREVIOUS: secret("own-old"),
    };
    expect(read(["my-flow", "other"], env)).toEqual({
      "my-flow": [secret("own"), secret("own-old")],
      other: [secret("shared"), secret("shared-old")],
    });
  });

  test("are none without a secret; an empty variable is none", () => {
    expect(read(["agentelic"], { WHS_DELEGATION_SECRET: "", WHS_DELEGATION_SECRET_AGENTELIC: "" })).toEqual({ agentelic: [] });
  });
});

test.each<[string, string[], Record<string, string>, string]>([
  ["a short secret", ["a"], { WHS_DELEGATION_SECRET: "short" }, "WHS_DELEGATION_SECRET: must have at least 32 bytes"],
  ["a pasted line break", ["a"], { WHS_DELEGATION_SECRET_A: `${secret("x")}\n` }, "WHS_DELEGATION_SECRET_A: must not begin or end"],
  [
    "a previous secret alone",
    ["a"],
    { WHS_DELEGATION_SECRET_A_PREVIOUS: secret("x") },
    "WHS_DELEGATION_SECRET_A_PREVIOUS: is set, but WHS_DELEGATION_SECRET_A is not",
  ],
  ["a secret of nobody", ["a"], { WHS_DELEGATION_SECRET_B: secret("x") }, "WHS_DELEGATION_SECRET_B: belongs to no source"],
  ["a name that no signature covers", ["a.b"], {}, 'WHS_DELEGATION_SOURCES: "a.b" is not a source'],
  ["a name that reads like another's old secret", ["a", "a-previous"], {}, 'WHS_DELEGATION_SOURCES: "a-previous"'],
  ["a name that reads like the shared old secret", ["previous"], {}, 'WHS_DELEGATION_SOURCES: "previous"'],
  ["two names of one variable", ["a-b", "a_b"], {}, 'WHS_DELEGATION_SOURCES: "a_b"'],
])("the start stops at %s", (_what, sources, env, message) => {
  expect(() => read(sources, env)).toThrow(message);
});

test("no message shows a secret", () => {
  const text = "0123456789-short-secret";
  expect(() => read(["a"], { WHS_DELEGATION_SECRET: text })).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining(text) }),
  );
});
