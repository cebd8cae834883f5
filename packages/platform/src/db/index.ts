export { createAuditedWrite, insertAudit, type AuditActor, type AuditedWrite, type AuditEvent, type AuditTable } from "./audited-write.ts";
export { openDatabase, type Database, type DatabaseOptions, type Transaction } from "./database.ts";
export { createGroupCommit, QueueFullError, type GroupCommit } from "./group-commit.ts";
export { migrate, readMigrations } from "./migrate.ts";
export { openNotifications, type Notifications } from "./notifications.ts";
