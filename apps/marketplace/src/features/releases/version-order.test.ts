import fc from "fast-check";
import semver from "semver";
import { describe, expect, it } from "vitest";
import { compareVersions, versionOrder } from "./version-order.ts";

const number = fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 2 ** 31 })).map(String);
const identifier = fc.oneof(number, fc.stringMatching(/^[0-9A-Za-z-]{0,6}[A-Za-z-][0-9A-Za-z-]{0,3}$/));
const version = fc
  .tuple(number, number, number, fc.option(fc.array(identifier, { minLength: 1, maxLength: 3 })), fc.option(identifier))
  .map(([major, minor, patch, pre, build]) => {
    const suffix = pre === null ? "" : `-${pre.join(".")}`;
    return `${major}.${minor}.${patch}${suffix}${build === null ? "" : `+${build}`}`;
  });

describe("the order of versions", () => {
  it("is that of SemVer 2.0, as its reference implementation has it", () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b))).toBe(semver.compare(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  it("is that of the example in the specification", () => {
    const ascending = [
      "1.0.0-alpha",
      "1.0.0-alpha.1",
      "1.0.0-alpha.beta",
      "1.0.0-beta",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0-rc.1",
      "1.0.0",
    ];
    expect([...ascending].toReversed().toSorted(compareVersions)).toEqual(ascending);
  });

  it("knows what is a pre-release", () => {
    expect(["1.0.0", "1.0.0-a", "1.0.0+a-b", "1.0.0-a+b"].map((text) => versionOrder(text).isPrerelease)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
});
