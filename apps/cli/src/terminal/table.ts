import Table from "cli-table3";
import type { Style } from "./style.ts";

export interface Column<Row> {
  heading: string;
  cell: (row: Row) => string;
  align?: "left" | "right";
}

const BARE = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
};
const WITHOUT_LINES = { ...BARE, left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " };

/** Columns without lines: read well by people, and by `awk` and `grep` too. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], style: Style): string {
  const output = new Table({
    head: columns.map(({ heading }) => style.dim(heading)),
    colAligns: columns.map(({ align }) => align ?? "left"),
    chars: WITHOUT_LINES,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  output.push(...rows.map((row) => columns.map(({ cell }) => cell(row))));
  return trimLines(output.toString());
}

/** Names and values, one pair a line. */
export function pairs(entries: readonly (readonly [name: string, value: string])[], style: Style): string {
  const widest = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${style.dim(name.padEnd(widest))}  ${value}`).join("\n");
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
