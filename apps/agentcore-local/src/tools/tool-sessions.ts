/** Sessions of tools: records that survive a restart, and the sandboxes of those that are ready, which do not. */
import { randomInt } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Logger } from "@whs/platform/log";
import { AwsError, notFound } from "../http/aws-error.ts";
import type { RunningSandbox } from "../sandbox/running-sandbox.ts";
import type { ClientTokens } from "../state/client-tokens.ts";

export interface ToolSession {
  id: string;
  identifier: string;
  name?: string;
  timeoutSeconds: number;
  status: "READY" | "TERMINATED";
  createdAtMs: number;
  updatedAtMs: number;
  /** What only this kind of tool has. */
  detail?: Readonly<Record<string, unknown>>;
}

export interface ToolSessionsOptions {
  kind: "code-interpreter" | "browser";
  /** The only tool of the kind, which AWS has in every account. */
  identifier: string;
  database: DatabaseSync;
  tokens: ClientTokens;
  maxSessions: number;
  /** Returns when the tool answers. */
  start: (session: ToolSession) => Promise<RunningSandbox>;
  now: () => number;
  logger: Logger;
}

export interface NewSession {
  name: string | undefined;
  timeoutSeconds: number;
  clientToken: string | undefined;
  detail?: Readonly<Record<string, unknown>>;
}

const ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ID_LENGTH = 26;
/** Ended sessions are listed for so long. */
const KEPT_MS = 30 * 24 * 60 * 60_000;

export class ToolSessions {
  private readonly options: ToolSessionsOptions;
  private readonly running = new Map<string, Promise<RunningSandbox>>();
  private closing = false;

  constructor(options: ToolSessionsOptions) {
    this.options = options;
    // Sandboxes died with the process that had them.
    for (const session of this.all())
      if (session.status === "READY") this.put({ ...session, status: "TERMINATED", updatedAtMs: options.now() });
  }

  /** @throws AwsError */
  async start(identifier: string, { name, timeoutSeconds, clientToken, detail }: NewSession): Promise<ToolSession> {
    const { kind, tokens, maxSessions, now } = this.options;
    this.check(identifier);
    if (this.closing) throw new AwsError("ServiceUnavailableException", "The service is stopping.");
    let isNew = false;
    const request = { identifier, name, timeoutSeconds, detail };
    const session = tokens.once(`start ${kind}`, clientToken, request, () => {
      if (this.running.size >= maxSessions)
        throw new AwsError("ServiceQuotaExceededException", `There are ${maxSessions} ${kind} sessions already, which is the limit.`);
      isNew = true;
      const nowMs = now();
      const made: ToolSession = { id: newId(), identifier, timeoutSeconds, status: "READY", createdAtMs: nowMs, updatedAtMs: nowMs };
      const full = { ...made, ...(name === undefined ? {} : { name }), ...(detail === undefined ? {} : { detail }) };
      this.put(full);
      return full;
    });
    if (isNew) await this.run(session);
    return session;
  }

  /** @throws AwsError */
  get(identifier: string, id: string): ToolSession {
    this.check(identifier);
    const row = this.options.database.prepare("SELECT body FROM tool_sessions WHERE id = ? AND kind = ?").get(id, this.options.kind);
    if (row === undefined) throw notFound(`Session ${id}`);
    return JSON.parse(String(row.body)) as ToolSession;
  }

  /** The sandbox of a session that is ready. @throws AwsError */
  async sandbox(identifier: string, id: string): Promise<RunningSandbox> {
    this.get(identifier, id);
    const running = this.running.get(id);
    if (running === undefined) throw notFound(`Session ${id} has ended: it`);
    return running;
  }

  async stop(identifier: string, id: string): Promise<ToolSession> {
    this.get(identifier, id);
    await this.end(id);
    return this.get(identifier, id);
  }

  /** The latest first; `before`: id of the last one of the page before. */
  list(
    identifier: string,
    status: string | undefined,
    before: string | undefined,
    limit: number,
  ): { sessions: ToolSession[]; next: string | undefined } {
    this.check(identifier);
    const all = this.all().filter((session) => status === undefined || session.status === status);
    const start = before === undefined ? 0 : all.findIndex(({ id }) => id === before) + 1;
    const sessions = all.slice(start, start + limit);
    return { sessions, next: start + limit < all.length ? sessions.at(-1)?.id : undefined };
  }

  /** Replaces what only this kind of tool has. */
  change(session: ToolSession, detail: Readonly<Record<string, unknown>>): ToolSession {
    const changed = { ...session, detail: { ...session.detail, ...detail }, updatedAtMs: this.options.now() };
    this.put(changed);
    return changed;
  }

  async sweep(): Promise<void> {
    const { now, database, kind } = this.options;
    const overdue = this.all().filter(
      ({ status, createdAtMs, timeoutSeconds }) => status === "READY" && now() - createdAtMs >= timeoutSeconds * 1000,
    );
    await Promise.all(overdue.map(({ id }) => this.end(id)));
    database.prepare("DELETE FROM tool_sessions WHERE kind = ? AND created_at < ?").run(kind, now() - KEPT_MS);
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.running.keys()].map((id) => this.end(id)));
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.endAll();
  }

  private async run(session: ToolSession): Promise<void> {
    const starting = this.options.start(session);
    this.running.set(session.id, starting);
    try {
      const sandbox = await starting;
      void sandbox.ended.then(() => this.terminated(session.id));
    } catch (error) {
      this.terminated(session.id);
      throw error;
    }
  }

  private async end(id: string): Promise<void> {
    const [running] = await Promise.allSettled([this.running.get(id)]);
    this.terminated(id);
    if (running?.status === "fulfilled") await running.value?.stop();
  }

  private terminated(id: string): void {
    if (!this.running.delete(id)) return;
    const session = this.get(this.options.identifier, id);
    this.put({ ...session, status: "TERMINATED", updatedAtMs: this.options.now() });
    this.options.logger.info({ kind: this.options.kind, session: id }, "Tool session ends");
  }

  private check(identifier: string): void {
    if (identifier !== this.options.identifier) throw notFound(identifier);
  }

  private all(): ToolSession[] {
    const rows = this.options.database
      .prepare("SELECT body FROM tool_sessions WHERE kind = ? ORDER BY created_at DESC, id DESC")
      .all(this.options.kind);
    return rows.map(({ body }) => JSON.parse(String(body)) as ToolSession);
  }

  private put(session: ToolSession): void {
    this.options.database
      .prepare(
        "INSERT INTO tool_sessions (id, kind, created_at, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
      )
      .run(session.id, this.options.kind, session.createdAtMs, JSON.stringify(session));
  }
}

function newId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_ALPHABET[randomInt(ID_ALPHABET.length)]).join("");
}
