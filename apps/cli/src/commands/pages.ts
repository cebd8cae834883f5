import type { Context } from "../context.ts";
import { type Column, table } from "../terminal/table.ts";

interface Page<Row> {
  items: readonly Row[];
  nextCursor: string | null;
}

/** The query of one page: only what was given. */
export function pageQuery(options: { limit: number | undefined; cursor: string | undefined }): { limit?: number; cursor?: string } {
  return {
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.cursor === undefined ? {} : { cursor: options.cursor }),
  };
}

/** One page of a list: a table for people, with how to see what follows. */
export function printPage<Row>(
  { output }: Context,
  page: Page<Row>,
  columns: readonly Column<Row>[],
  whenEmpty: { text: string; next?: string },
): void {
  if (output.json) {
    output.jsonLine(page);
    return;
  }
  if (page.items.length === 0) {
    output.note(whenEmpty.text);
    if (whenEmpty.next !== undefined) output.next(whenEmpty.next);
    return;
  }
  output.line(table(page.items, columns, output.style));
  if (page.nextCursor !== null) output.note(output.noteStyle.dim(`There are more: add --cursor ${page.nextCursor}`));
}
