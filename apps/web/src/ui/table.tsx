import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";
import { Link, useSearchParams } from "react-router";
import { classNames } from "./class-names.ts";

export interface Column<Row> {
  /** Key of the column, and its value of `sort` in the URL where `sortable`. */
  key: string;
  label: string;
  cell: (row: Row) => ReactNode;
  sortable?: boolean;
  align?: "end";
  /** Left out on narrow screens. */
  optional?: boolean;
}

interface TableProps<Row> {
  /** What the table shows, for screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
}

/** Rows as the loader has found them. Sorting is a link: the loader reads `sort` (`name` up, `-name` down) from the URL. */
export function Table<Row>({ caption, columns, rows, rowKey }: TableProps<Row>) {
  const [search] = useSearchParams();
  const sort = search.get("sort") ?? "";
  return (
    <div className="overflow-x-auto rounded-lg border border-line bg-surface" role="region" aria-label={caption} tabIndex={0}>
      <table className="w-full border-collapse text-left">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b border-line bg-sunken text-sm text-muted">
            {columns.map((column) => {
              const direction = sort === column.key ? "ascending" : sort === `-${column.key}` ? "descending" : undefined;
              return (
                <th key={column.key} scope="col" aria-sort={direction} className={cellClass(column, "py-2 font-medium")}>
                  {column.sortable === true ? <SortLink column={column} direction={direction} search={search} /> : column.label}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="border-b border-line last:border-0 hover:bg-hover">
              {columns.map((column) => (
                <td key={column.key} className={cellClass(column, "py-2.5")}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SortLink<Row>({
  column,
  direction,
  search,
}: {
  column: Column<Row>;
  direction: "ascending" | "descending" | undefined;
  search: URLSearchParams;
}) {
  const next = new URLSearchParams(search);
  next.set("sort", direction === "ascending" ? `-${column.key}` : column.key);
  next.delete("cursor");
  next.delete("page");
  const Icon = direction === "descending" ? ArrowDown : ArrowUp;
  return (
    <Link to={`?${next.toString()}`} preventScrollReset className="inline-flex items-center gap-1 hover:text-text">
      {column.label}
      <Icon aria-hidden className={classNames("size-3.5", direction === undefined && "opacity-0")} />
    </Link>
  );
}

function cellClass<Row>({ align, optional }: Column<Row>, rest: string): string {
  return classNames("px-4 align-top", rest, align === "end" && "text-right tabular-nums", optional === true && "hidden md:table-cell");
}

interface PagerProps {
  /** What the next page is called in the URL: an API's `nextCursor`; null at the end. */
  next: string | null;
  parameter?: "cursor" | "page";
}

/** Pages of a list: forward, and back to the first. */
export function Pager({ next: value, parameter = "cursor" }: PagerProps) {
  const [search] = useSearchParams();
  if (value === null && !search.has(parameter)) return null;
  const first = new URLSearchParams(search);
  first.delete(parameter);
  const next = new URLSearchParams(search);
  if (value !== null) next.set(parameter, value);
  const link = "inline-flex min-h-9 items-center rounded-md border border-line-strong bg-surface px-3 font-medium hover:bg-hover";
  return (
    <nav aria-label="Pages" className="mt-4 flex justify-end gap-2">
      {search.has(parameter) && (
        <Link to={`?${first.toString()}`} className={link}>
          First page
        </Link>
      )}
      {value !== null && (
        <Link to={`?${next.toString()}`} className={link}>
          Next page
        </Link>
      )}
    </nav>
  );
}
