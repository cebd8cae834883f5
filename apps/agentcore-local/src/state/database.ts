import { DatabaseSync } from "node:sqlite";

/**
 * State is a file of SQLite: an answer is given after its change is on the disk, so that it survives a kill at any point.
 * Records are JSON; columns exist only for what is looked up or must be unique.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS runtimes (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS versions (
    runtime_id TEXT NOT NULL REFERENCES runtimes ON DELETE CASCADE, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (runtime_id, version)) STRICT;
  CREATE TABLE IF NOT EXISTS endpoints (
    runtime_id TEXT NOT NULL REFERENCES runtimes ON DELETE CASCADE, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (runtime_id, name)) STRICT;
  CREATE TABLE IF NOT EXISTS tags (arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)) STRICT;
  CREATE TABLE IF NOT EXISTS client_tokens (
    operation TEXT NOT NULL, token TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (operation, token)) STRICT;
  CREATE TABLE IF NOT EXISTS tool_sessions (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, created_at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS log_lines (
    id INTEGER PRIMARY KEY, log_group TEXT NOT NULL, stream TEXT NOT NULL, at INTEGER NOT NULL, message TEXT NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS log_lines_by_group ON log_lines (log_group, id);
`;

export function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000;");
  database.exec(SCHEMA);
  return database;
}

/** All of it or nothing. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
