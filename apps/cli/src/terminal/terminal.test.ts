import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, duration, estimatedCost, plural, usd } from "./format.ts";
import { createStyle, printable, printableLine } from "./style.ts";
import { pairs, table } from "./table.ts";

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [1_500_000, "1.5 MB"],
  ])("%i bytes are %s", (value, text) => expect(bytes(value)).toBe(text));

  test.each([
    [0.4, "0 ms"],
    [999, "999 ms"],
    [1500, "1.5 s"],
    [125_000, "2 min 5 s"],
  ])("%d ms are %s", (value, text) => expect(duration(value)).toBe(text));

  test.each([
    [0, "$0.00"],
    [0.000_000_4, "<$0.000001"],
    [0.000_034, "$0.000034"],
    [12.345, "$12.35"],
  ])("%d dollars are %s", (value, text) => expect(usd(value)).toBe(text));

  test("a cost always says that it is estimated", () => {
    expect(estimatedCost(1)).toContain("estimated");
  });

  test("one is singular, all else is plural", () => {
    expect([plural(0, "file"), plural(1, "file"), plural(1200, "file")]).toEqual(["0 files", "1 file", "1,200 files"]);
  });
});

describe("text from elsewhere", () => {
  test("keeps no control character but tab and line feed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(printable(text)).not.toMatch(/[^\P{Cc}\t\n]/u);
      }),
    );
  });

  test("is otherwise as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(printable(text)).toBe(text.replaceAll(/[^\P{Cc}\t\n]/gu, ""));
      }),
    );
  });

  test("has one line where a table needs one", () => {
    expect(printableLine("a\n  b\r\nc")).toBe("a b c");
  });
});

describe("tables", () => {
  const plain = createStyle(false);

  test("align columns with two spaces between, and have nothing behind the last word", () => {
    const rows = [
      { name: "a", size: 5 },
      { name: "longer", size: 12 },
    ];
    const columns = [
      { heading: "NAME", cell: (row: (typeof rows)[number]) => row.name },
      { heading: "SIZE", cell: (row: (typeof rows)[number]) => String(row.size), align: "right" as const },
    ];
    expect(table(rows, columns, plain)).toBe("NAME    SIZE\na          5\nlonger    12");
  });

  test("are as wide with colours as without", () => {
    const style = createStyle(true);
    // oxlint-disable-next-line no-control-regex -- the escapes of the colours
    const uncolored = (text: string) => text.replaceAll(/\u001b\[\d+m/g, "");
    const draw = (with_: typeof plain) =>
      table(
        ["x", "yyyy"],
        [
          { heading: "A", cell: (text) => with_.green(text) },
          { heading: "B", cell: () => "b" },
        ],
        with_,
      );
    expect(draw(style)).not.toBe(draw(plain));
    expect(uncolored(draw(style))).toBe(draw(plain));
  });

  test("of names and values align the values", () => {
    expect(
      pairs(
        [
          ["a", "1"],
          ["name", "2"],
        ],
        plain,
      ),
    ).toBe("a     1\nname  2");
  });
});
