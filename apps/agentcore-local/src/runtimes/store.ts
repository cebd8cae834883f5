import type { DatabaseSync } from "node:sqlite";
import type { EndpointRecord, RuntimeRecord, VersionRecord } from "./records.ts";

/** All SQL of runtimes. Every function is synchronous; callers put what belongs together into one transaction. */
export class RuntimeStore {
  private readonly database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.database = database;
  }

  runtime(id: string): RuntimeRecord | undefined {
    return one<RuntimeRecord>(this.database.prepare("SELECT body FROM runtimes WHERE id = ?").get(id));
  }

  runtimeNamed(name: string): RuntimeRecord | undefined {
    return one<RuntimeRecord>(this.database.prepare("SELECT body FROM runtimes WHERE name = ?").get(name));
  }

  countRuntimes(): number {
    return Number(this.database.prepare("SELECT count(*) AS n FROM runtimes").get()?.n);
  }

  allRuntimes(): RuntimeRecord[] {
    return many<RuntimeRecord>(this.database.prepare("SELECT body FROM runtimes ORDER BY id").all());
  }

  /** In the order of ids, from behind `after`. */
  runtimes(after: string, limit: number): RuntimeRecord[] {
    return many<RuntimeRecord>(this.database.prepare("SELECT body FROM runtimes WHERE id > ? ORDER BY id LIMIT ?").all(after, limit));
  }

  putRuntime(record: RuntimeRecord): void {
    this.database
      .prepare("INSERT INTO runtimes (id, name, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body")
      .run(record.id, record.name, JSON.stringify(record));
  }

  deleteRuntime(id: string): void {
    this.database.prepare("DELETE FROM runtimes WHERE id = ?").run(id);
  }

  version(runtimeId: string, version: number): VersionRecord | undefined {
    return one<VersionRecord>(
      this.database.prepare("SELECT body FROM versions WHERE runtime_id = ? AND version = ?").get(runtimeId, version),
    );
  }

  versions(runtimeId: string, after: number, limit: number): VersionRecord[] {
    return many<VersionRecord>(
      this.database
        .prepare("SELECT body FROM versions WHERE runtime_id = ? AND version > ? ORDER BY version LIMIT ?")
        .all(runtimeId, after, limit),
    );
  }

  putVersion(runtimeId: string, record: VersionRecord): void {
    this.database
      .prepare(
        "INSERT INTO versions (runtime_id, version, body) VALUES (?, ?, ?) ON CONFLICT (runtime_id, version) DO UPDATE SET body = excluded.body",
      )
      .run(runtimeId, record.version, JSON.stringify(record));
  }

  deleteVersion(runtimeId: string, version: number): void {
    this.database.prepare("DELETE FROM versions WHERE runtime_id = ? AND version = ?").run(runtimeId, version);
  }

  /** Digests of every image that a version uses. */
  usedImages(): Set<string> {
    const rows = this.database.prepare("SELECT body ->> 'image' AS image FROM versions WHERE body ->> 'image' IS NOT NULL").all();
    return new Set(rows.map(({ image }) => String(image)));
  }

  endpoint(runtimeId: string, name: string): EndpointRecord | undefined {
    return one<EndpointRecord>(this.database.prepare("SELECT body FROM endpoints WHERE runtime_id = ? AND name = ?").get(runtimeId, name));
  }

  countEndpoints(runtimeId: string): number {
    return Number(this.database.prepare("SELECT count(*) AS n FROM endpoints WHERE runtime_id = ?").get(runtimeId)?.n);
  }

  endpoints(runtimeId: string, after: string, limit: number): EndpointRecord[] {
    return many<EndpointRecord>(
      this.database
        .prepare("SELECT body FROM endpoints WHERE runtime_id = ? AND name > ? ORDER BY name LIMIT ?")
        .all(runtimeId, after, limit),
    );
  }

  putEndpoint(runtimeId: string, record: EndpointRecord): void {
    this.database
      .prepare(
        "INSERT INTO endpoints (runtime_id, name, body) VALUES (?, ?, ?) ON CONFLICT (runtime_id, name) DO UPDATE SET body = excluded.body",
      )
      .run(runtimeId, record.name, JSON.stringify(record));
  }

  deleteEndpoint(runtimeId: string, name: string): void {
    this.database.prepare("DELETE FROM endpoints WHERE runtime_id = ? AND name = ?").run(runtimeId, name);
  }

  tags(arn: string): Record<string, string> {
    const rows = this.database.prepare("SELECT key, value FROM tags WHERE arn = ? ORDER BY key").all(arn);
    return Object.fromEntries(rows.map(({ key, value }) => [String(key), String(value)]));
  }

  putTags(arn: string, tags: Readonly<Record<string, string>>): void {
    const statement = this.database.prepare(
      "INSERT INTO tags (arn, key, value) VALUES (?, ?, ?) ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value",
    );
    for (const [key, value] of Object.entries(tags)) statement.run(arn, key, value);
  }

  deleteTags(arn: string, keys: readonly string[]): void {
    const statement = this.database.prepare("DELETE FROM tags WHERE arn = ? AND key = ?");
    for (const key of keys) statement.run(arn, key);
  }

  /** Of a resource and of all below it. */
  deleteAllTags(arn: string): void {
    this.database.prepare("DELETE FROM tags WHERE arn = ? OR substr(arn, 1, length(?) + 1) = ? || '/'").run(arn, arn, arn);
  }
}

type Row = Record<string, unknown>;

function one<T>(row: Row | undefined): T | undefined {
  return row === undefined ? undefined : (JSON.parse(String(row.body)) as T);
}

function many<T>(rows: readonly Row[]): T[] {
  return rows.map((row) => JSON.parse(String(row.body)) as T);
}
