import type { LogLine } from "@whs/api";
import type { Context } from "../../context.ts";
import { requireDeployment } from "./list-deployments.ts";
import { toLogLine } from "./present.ts";
import { listLogLines, type LogLineRow } from "./store.ts";

export async function listLogs(
  context: Context,
  input: { id: string; limit: number; cursor?: string | undefined },
): Promise<{ lines: LogLine[]; nextCursor: string | null }> {
  await requireDeployment(context, input.id);
  const list = `logs/${input.id}`;
  const before = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await listLogLines(context.db, input.id, input.limit + 1, { before });
  const page = rows.slice(0, input.limit);
  const last = page.at(-1);
  return {
    lines: page.map(toLogLine),
    nextCursor: rows.length > input.limit && last !== undefined ? context.cursors.encode(list, last.id) : null,
  };
}

/** How often a follower looks for new lines. */
const lookEveryMs = 300;
/** Lines of several writers commit out of order by up to this much; a follower looks back as far and skips what it has sent. */
const lookBackMs = 5_000;
const linesPerLook = 500;

/** Yields the newest lines, oldest of them first, and then every new one until the signal says stop. */
export async function* followLogs(context: Context, input: { id: string; limit: number }, signal: AbortSignal): AsyncGenerator<LogLine> {
  const sent = new Map<string, number>();
  const fresh = (rows: readonly LogLineRow[]): LogLineRow[] => rows.filter((row) => !sent.has(row.id));
  let rows = (await listLogLines(context.db, input.id, input.limit, {})).toReversed();
  // What is older than the first page was not asked for.
  let floor = rows.length === input.limit ? (rows[0]?.id ?? "") : "";
  while (!signal.aborted) {
    for (const row of fresh(rows)) {
      sent.set(row.id, context.now().getTime());
      yield toLogLine(row);
    }
    floor = dropOld(sent, context.now().getTime() - lookBackMs, floor);
    await pause(lookEveryMs, signal);
    rows = await listLogLines(context.db, input.id, linesPerLook + sent.size, { after: floor });
  }
}

/** Forgets what was sent long enough ago and returns the id after which to look again. */
function dropOld(sent: Map<string, number>, before: number, floor: string): string {
  let highest = floor;
  for (const [id, at] of sent) {
    if (at >= before) continue;
    sent.delete(id);
    if (id > highest) highest = id;
  }
  return highest;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
