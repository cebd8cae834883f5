import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTaggedIds, isId, tagOf } from "./index.ts";

const tags = fc.integer({ min: 0, max: 0xffffffff }).map((value) => value.toString(16).padStart(8, "0"));

describe("a tagged id", () => {
  it("is an id like any other and bears its maker's tag", () => {
    fc.assert(
      fc.property(tags, (tag) => {
        const id = createTaggedIds(tag).newId("evt");
        expect(isId("evt", id)).toBe(true);
        expect(tagOf("evt", id)).toBe(tag);
      }),
    );
  });

  it("comes once, however many one maker makes", () => {
    const { newId } = createTaggedIds("00000001");
    const ids = Array.from({ length: 50_000 }, () => newId("evt"));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has no tag when it is no id", () => {
    expect(tagOf("evt", "evt_nonsense")).toBeUndefined();
  });

  it.each(["", "1", "0000000g", "000000000"])("is not made with the tag %j", (tag) => {
    expect(() => createTaggedIds(tag)).toThrow(RangeError);
  });
});
