import { describe, expect, it } from "vitest";
import type { Compat } from "../../database.ts";
import { planOf } from "./install-plan.ts";

const release = (version: string, compat: Compat = {}) => ({
  id: `rel_${version}`,
  version,
  is_prerelease: version.includes("-"),
  compat,
  published_at: new Date(0),
});
const chosen = (version: string) => ({ releaseId: `rel_${version}`, version });
const rejected = (version: string, ...reasons: string[]) => ({ ...chosen(version), reasons });

describe("a plan", () => {
  it("takes the newest release that fits, and says why newer ones do not", () => {
    const releases = [
      release("2.0.0", { minWHSVersion: "3.0.0" }),
      release("1.1.0", { minWHSVersion: "1.3.0" }),
      release("1.0.0", { minWHSVersion: "1.2.0" }),
      release("0.9.0"),
    ];
    expect(planOf(releases, { targetSystem: "whs", whsVersion: "1.2.0" })).toEqual({
      chosen: chosen("1.0.0"),
      rejected: [
        rejected("2.0.0", "needs WHS 3.0.0 or newer, and the stack has 1.2.0"),
        rejected("1.1.0", "needs WHS 1.3.0 or newer, and the stack has 1.2.0"),
      ],
    });
  });

  it("looks at the minimum of the target system alone", () => {
    const releases = [release("1.0.0", { minAgentelicVersion: "2.0.0" })];
    expect(planOf(releases, { targetSystem: "whs" }).chosen).toEqual(chosen("1.0.0"));
    expect(planOf(releases, { targetSystem: "agentelic", agentelicVersion: "2.0.0-rc.1" })).toEqual({
      chosen: null,
      rejected: [rejected("1.0.0", "needs Agentelic 2.0.0 or newer, and the stack has 2.0.0-rc.1")],
    });
    expect(planOf(releases, { targetSystem: "agentelic" })).toEqual({
      chosen: null,
      rejected: [rejected("1.0.0", "needs Agentelic 2.0.0 or newer, and the stack's version is not given")],
    });
  });

  it("takes a pre-release only where no release fits", () => {
    const pre = release("2.0.0-beta.1");
    expect(planOf([release("1.0.0"), pre], { targetSystem: "whs" })).toEqual({
      chosen: chosen("1.0.0"),
      rejected: [rejected("2.0.0-beta.1", "is a pre-release, and a release fits")],
    });
    expect(planOf([release("1.0.0", { minWHSVersion: "9.0.0" }), pre], { targetSystem: "whs", whsVersion: "1.0.0" })).toEqual({
      chosen: chosen("2.0.0-beta.1"),
      rejected: [],
    });
  });

  it("of nothing chooses nothing", () => {
    expect(planOf([], { targetSystem: "whs" })).toEqual({ chosen: null, rejected: [] });
  });
});
