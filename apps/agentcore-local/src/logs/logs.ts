/** Lines that runtimes write, by group and stream as CloudWatch Logs names them, bounded in number, rate and age. */
import type { DatabaseSync } from "node:sqlite";
import { transaction } from "../state/database.ts";

export interface LogEvent {
  logStreamName: string;
  timestamp: number;
  message: string;
  ingestionTime: number;
  eventId: string;
}

export interface LogQuery {
  group: string;
  streams?: readonly string[] | undefined;
  streamPrefix?: string | undefined;
  startMs: number;
  /** Exclusive. */
  endMs: number;
  /** Text that a line must hold. */
  text?: string | undefined;
  limit: number;
  /** Id of the last event that was read. */
  after: number;
}

interface Line {
  group: string;
  stream: string;
  at: number;
  message: string;
}

const FLUSH_MS = 50;
const MAX_LINES_PER_GROUP = 20_000;
const MAX_AGE_MS = 7 * 24 * 60 * 60_000;
/** Of one stream; what is beyond is counted and dropped. */
const LINES_PER_SECOND = 500;
const MAX_WAITING = 20_000;

export class LogStore {
  private readonly database: DatabaseSync;
  private readonly now: () => number;
  private waiting: Line[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(database: DatabaseSync, now: () => number) {
    this.database = database;
    this.now = now;
  }

  /** A function that writes lines into a stream, after `filter`. */
  writer(group: string, stream: string, filter: (text: string) => string): (line: string) => void {
    let second = 0;
    let lines = 0;
    return (line) => {
      const at = this.now();
      if (Math.floor(at / 1000) !== second) {
        if (lines > LINES_PER_SECOND)
          this.add({
            group,
            stream,
            at,
            message: `[${lines - LINES_PER_SECOND} lines were dropped: more than ${LINES_PER_SECOND} a second]`,
          });
        second = Math.floor(at / 1000);
        lines = 0;
      }
      lines += 1;
      if (lines <= LINES_PER_SECOND) this.add({ group, stream, at, message: filter(line) });
    };
  }

  find(query: LogQuery): LogEvent[] {
    this.flush();
    const { group, streams, streamPrefix = "", startMs, endMs, text = "", limit, after } = query;
    const rows = this.database
      .prepare(
        `SELECT id, stream, at, message FROM log_lines
         WHERE log_group = ? AND id > ? AND at >= ? AND at < ? AND (? = '' OR instr(message, ?) > 0)
           AND substr(stream, 1, length(?)) = ? AND (? = '' OR stream IN (SELECT value FROM json_each(?)))
         ORDER BY id LIMIT ?`,
      )
      .all(
        group,
        after,
        startMs,
        endMs,
        text,
        text,
        streamPrefix,
        streamPrefix,
        streams === undefined ? "" : "listed",
        JSON.stringify(streams ?? []),
        limit,
      );
    return rows.map(({ id, stream, at, message }) => ({
      logStreamName: String(stream),
      timestamp: Number(at),
      message: String(message),
      ingestionTime: Number(at),
      eventId: String(id),
    }));
  }

  /** Removes all of a runtime's groups. */
  forget(groupPrefix: string): void {
    this.flush();
    this.database.prepare("DELETE FROM log_lines WHERE substr(log_group, 1, length(?)) = ?").run(groupPrefix, groupPrefix);
  }

  /** Removes what is too old, and the oldest of what is too much. */
  prune(): void {
    this.database.prepare("DELETE FROM log_lines WHERE at < ?").run(this.now() - MAX_AGE_MS);
    const full = this.database.prepare("SELECT log_group FROM log_lines GROUP BY log_group HAVING count(*) > ?").all(MAX_LINES_PER_GROUP);
    for (const { log_group: group } of full)
      this.database
        .prepare(
          `DELETE FROM log_lines WHERE log_group = ?1 AND id <= (SELECT id FROM log_lines WHERE log_group = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`,
        )
        .run(String(group), MAX_LINES_PER_GROUP);
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const lines = this.waiting;
    if (lines.length === 0) return;
    this.waiting = [];
    transaction(this.database, () => {
      const insert = this.database.prepare("INSERT INTO log_lines (log_group, stream, at, message) VALUES (?, ?, ?, ?)");
      for (const { group, stream, at, message } of lines) insert.run(group, stream, at, message);
    });
  }

  private add(line: Line): void {
    if (this.waiting.length >= MAX_WAITING) this.flush();
    this.waiting.push(line);
    this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }
}
