/** A session's values in one SQLite database: a file where the platform mounts storage for sessions, else in memory. */
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, rmSync } from "node:fs";
import path from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { deserialize, serialize } from "node:v8";
import type { ListOptions, SessionStorage, StorageOperations } from "@whs/agent";

/** Largest value, as on every runtime. */
const MAX_VALUE_BYTES = 2 * 1024 * 1024;
/** How long a write waits for another container of the same session. */
const BUSY_MS = 5_000;
const SCHEMA = "create table if not exists entries (key blob primary key, value blob not null) strict, without rowid";

type Write = readonly ["put", key: Buffer, value: Buffer] | readonly ["delete", key: Buffer];

/** Every session of this container. A visit lasts as long as an invocation; only then is a file open. */
export class SessionStores {
  private readonly directory: string | null;
  private readonly open = new Map<string, { store: SessionStore; visits: number }>();
  private readonly inMemory = new Map<string, DatabaseSync>();
  private readonly seen = new Set<string>();

  constructor(mount: string) {
    this.directory = isWritable(mount) ? mount : null;
  }

  /** Whether a session that was used before is still what it was: in memory, only here. */
  has(sessionId: string): boolean {
    return this.directory !== null || this.seen.has(sessionId);
  }

  enter(sessionId: string): { store: SessionStore; leave: () => void } {
    this.seen.add(sessionId);
    let entry = this.open.get(sessionId);
    if (entry === undefined) {
      entry = { store: new SessionStore(this.database(sessionId)), visits: 0 };
      this.open.set(sessionId, entry);
    }
    entry.visits += 1;
    const { store } = entry;
    return { store, leave: () => this.leave(sessionId) };
  }

  forget(sessionId: string): void {
    this.discard(sessionId);
    this.seen.delete(sessionId);
  }

  private discard(sessionId: string): void {
    this.inMemory.get(sessionId)?.close();
    this.inMemory.delete(sessionId);
    const file = this.file(sessionId);
    if (file !== null) for (const suffix of ["", "-journal"]) rmSync(file + suffix, { force: true });
  }

  /** A session that holds nothing leaves nothing behind. */
  private leave(sessionId: string): void {
    const entry = this.open.get(sessionId);
    if (entry === undefined) return;
    entry.visits -= 1;
    if (entry.visits > 0) return;
    this.open.delete(sessionId);
    const isEmpty = entry.store.isEmpty();
    entry.store.close();
    if (isEmpty) this.discard(sessionId);
  }

  private database(sessionId: string): DatabaseAccess {
    const file = this.file(sessionId);
    if (file === null) {
      return {
        find: () => this.inMemory.get(sessionId) ?? null,
        create: () => {
          const made = createDatabase(":memory:");
          this.inMemory.set(sessionId, made);
          return made;
        },
        isLasting: true,
      };
    }
    return { find: () => (existsSync(file) ? createDatabase(file) : null), create: () => createDatabase(file), isLasting: false };
  }

  private file(sessionId: string): string | null {
    const name = createHash("sha256").update(sessionId).digest("hex").slice(0, 32);
    return this.directory === null ? null : path.join(this.directory, `${name}.sqlite`);
  }
}

interface DatabaseAccess {
  /** Null while nothing was ever written. */
  find(): DatabaseSync | null;
  create(): DatabaseSync;
  /** Whether the database outlives a visit. */
  isLasting: boolean;
}

/**
 * Every operation runs to its end at once, so that what one invocation does between two waits for the outside world cannot
 * be torn apart by another. Transactions of one session run one after the other.
 */
export class SessionStore implements SessionStorage {
  private readonly access: DatabaseAccess;
  private known: Statements | null = null;
  private last: Promise<unknown> = Promise.resolve();

  constructor(access: DatabaseAccess) {
    this.access = access;
  }

  async get<T>(key: string): Promise<T | undefined> {
    const row = this.read()?.get.get(Buffer.from(key));
    return row === undefined ? undefined : (deserialize(row["value"] as Uint8Array) as T);
  }

  async put<T>(key: string, value: T): Promise<void> {
    this.write().put.run(Buffer.from(key), encoded(key, value));
  }

  async delete(key: string): Promise<boolean> {
    return Number(this.read()?.delete.run(Buffer.from(key)).changes ?? 0) > 0;
  }

  async list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    const found = this.rows(options);
    return decodedRows(options.reverse === true ? found.toReversed() : found, options.limit);
  }

  transaction<R>(run: (transaction: StorageOperations) => Promise<R>): Promise<R> {
    const next = this.last.then(async () => {
      const draft = new Draft(this);
      const result = await run(draft);
      this.apply([...draft.writes.values()]);
      return result;
    });
    this.last = next.catch(ignore);
    return next;
  }

  /** In the order of keys, without a limit. */
  rows({ prefix = "", start, end }: ListOptions): Row[] {
    const found = this.read()?.list.all(Buffer.from(prefix), Buffer.from(start ?? ""), Buffer.from(end ?? ""), end === undefined ? 1 : 0);
    return (found ?? []).map((row) => ({ key: Buffer.from(row["key"] as Uint8Array), value: Buffer.from(row["value"] as Uint8Array) }));
  }

  isEmpty(): boolean {
    return this.read()?.any.get() === undefined;
  }

  close(): void {
    if (!this.access.isLasting) this.known?.database.close();
    this.known = null;
  }

  private apply(writes: readonly Write[]): void {
    if (writes.length === 0) return;
    const { database, put, delete: remove } = this.write();
    database.exec("begin immediate");
    try {
      for (const write of writes) {
        if (write[0] === "put") put.run(write[1], write[2]);
        else remove.run(write[1]);
      }
      database.exec("commit");
    } catch (error) {
      database.exec("rollback");
      throw error;
    }
  }

  private read(): Statements | null {
    if (this.known !== null) return this.known;
    const database = this.access.find();
    if (database !== null) this.known = prepare(database);
    return this.known;
  }

  private write(): Statements {
    this.known ??= this.read() ?? prepare(this.access.create());
    return this.known;
  }
}

interface Row {
  key: Buffer;
  value: Buffer;
}

/** What a transaction has written so far, over what the session holds. */
class Draft implements StorageOperations {
  readonly writes = new Map<string, Write>();
  private readonly base: SessionStore;

  constructor(base: SessionStore) {
    this.base = base;
  }

  async get<T>(key: string): Promise<T | undefined> {
    const write = this.writes.get(key);
    if (write === undefined) return this.base.get<T>(key);
    return write[0] === "put" ? (deserialize(write[2]) as T) : undefined;
  }

  async put<T>(key: string, value: T): Promise<void> {
    this.writes.set(key, ["put", Buffer.from(key), encoded(key, value)]);
  }

  async delete(key: string): Promise<boolean> {
    const existed = (await this.get(key)) !== undefined;
    this.writes.set(key, ["delete", Buffer.from(key)]);
    return existed;
  }

  async list<T>(options: ListOptions = {}): Promise<Map<string, T>> {
    const rows = new Map(this.base.rows(options).map((row) => [row.key.toString("latin1"), row]));
    for (const [type, key, value] of this.writes.values()) {
      if (!isWithin(key, options)) continue;
      if (type === "put") rows.set(key.toString("latin1"), { key, value });
      else rows.delete(key.toString("latin1"));
    }
    const sorted = [...rows.values()].toSorted((a, b) => Buffer.compare(a.key, b.key));
    return decodedRows(options.reverse === true ? sorted.toReversed() : sorted, options.limit);
  }
}

function isWithin(key: Buffer, { prefix = "", start, end }: ListOptions): boolean {
  if (!key.subarray(0, Buffer.byteLength(prefix)).equals(Buffer.from(prefix))) return false;
  return (start === undefined || key.compare(Buffer.from(start)) >= 0) && (end === undefined || key.compare(Buffer.from(end)) < 0);
}

function decodedRows<T>(rows: readonly Row[], limit = Infinity): Map<string, T> {
  return new Map(rows.slice(0, limit).map(({ key, value }) => [key.toString("utf8"), deserialize(value) as T]));
}

function encoded(key: string, value: unknown): Buffer {
  const bytes = serialize(value);
  if (bytes.length > MAX_VALUE_BYTES) throw new RangeError(`The value of "${key}" is larger than ${MAX_VALUE_BYTES} bytes.`);
  return bytes;
}

interface Statements {
  database: DatabaseSync;
  get: StatementSync;
  put: StatementSync;
  delete: StatementSync;
  list: StatementSync;
  any: StatementSync;
}

function prepare(database: DatabaseSync): Statements {
  return {
    database,
    get: database.prepare("select value from entries where key = ?"),
    put: database.prepare("insert into entries (key, value) values (?, ?) on conflict (key) do update set value = excluded.value"),
    delete: database.prepare("delete from entries where key = ?"),
    list: database.prepare(
      "select key, value from entries where key >= ?1 and substr(key, 1, length(?1)) = ?1 and key >= ?2 and (key < ?3 or ?4) order by key",
    ),
    any: database.prepare("select 1 from entries limit 1"),
  };
}

function createDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  database.exec(SCHEMA);
  return database;
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whoever ran the transaction has its failure. */
function ignore(): void {}
