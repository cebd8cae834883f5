import { describe, expect, test } from "vitest";
import { endOf, periodOf, periodsUntil, readPeriod } from "./periods.ts";

const now = new Date("2026-01-31T23:30:00Z");

describe("periods", () => {
  test("are the months in UTC that are kept, and none before the account", () => {
    expect(periodsUntil(now, new Date("2020-05-05T00:00:00Z"))).toHaveLength(13);
    expect(periodsUntil(now, new Date("2025-11-30T23:59:59Z"))).toEqual(["2026-01", "2025-12", "2025-11"]);
    expect(periodsUntil(now, new Date("2030-01-01T00:00:00Z"))).toEqual(["2026-01"]);
  });

  test("end where the next month starts", () => {
    expect(endOf("2026-12").toISOString()).toBe("2027-01-01T00:00:00.000Z");
    expect(periodOf(endOf("2026-01"))).toBe("2026-02");
  });

  test("come from the URL when it names a month, else it is the current one", () => {
    expect(readPeriod(new URLSearchParams("period=2025-12"), now)).toBe("2025-12");
    for (const other of ["", "period=", "period=2025-13", "period=2025-1", "period=x"])
      expect(readPeriod(new URLSearchParams(other), now)).toBe("2026-01");
  });
});
