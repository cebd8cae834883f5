import { type Notifications, openNotifications } from "@whs/platform/db";
import type { Logger } from "@whs/platform/log";
import { type Kysely, sql } from "kysely";
import { randomUUID } from "node:crypto";
import type { Schema } from "./database.ts";

/** Of a `call`, it is to be stopped that is told. */
export type Topic = "route" | "user" | "slots" | "call";

export interface AnnouncementListener {
  /** Acknowledged once what it returns has resolved. */
  forget(topic: Topic, id: string): void | Promise<void>;
  /** Something may have been missed. */
  forgetAll(): void;
}

/**
 * Tells every process what to forget. `announce` resolves once all live processes have forgotten, or after the time
 * for which any of them may believe what it had: then nobody serves by the old state any more.
 */
export interface Announcements {
  /** Tells the listener what to forget: what this process announces and what others do. */
  subscribe(listener: AnnouncementListener): void;
  /** How many processes are live, this one included; at most a few seconds old. */
  readonly processes: number;
  /** False while nothing can be heard; what is remembered must not be used then. */
  readonly connected: boolean;
  announce(topic: Topic, id: string): Promise<void>;
  close(): Promise<void>;
}

/** What a process remembers of a route is believed for no longer than this. */
export const routeLeaseMs = 1_000;
const countEveryMs = 5_000;
const applicationName = "whs announcements";
const channel = "whs_forget";
const acknowledgements = "whs_forgotten";

interface Waiting {
  missing: number;
  done: () => void;
}

export async function openAnnouncements(options: { url: string; db: Kysely<Schema>; log: Logger }): Promise<Announcements> {
  const self = randomUUID();
  const waiting = new Map<string, Waiting>();
  const listeners: AnnouncementListener[] = [];
  const forget = async (topic: Topic, id: string): Promise<void> => {
    await Promise.all(listeners.map(async (listener) => listener.forget(topic, id)));
  };
  const notifications: Notifications = await openNotifications({
    url: options.url,
    applicationName,
    log: options.log,
    onReconnect: () => {
      for (const listener of listeners) listener.forgetAll();
    },
  });

  await notifications.listen(channel, (payload) => {
    const [from, nonce, topic, id] = payload.split(" ");
    if (from === self || nonce === undefined || topic === undefined || id === undefined) return;
    forget(topic as Topic, id)
      .then(() => notifications.notify(acknowledgements, nonce))
      .catch((error: unknown) => options.log.warn({ err: error }, "Cannot acknowledge an announcement"));
  });
  await notifications.listen(acknowledgements, (nonce) => {
    const entry = waiting.get(nonce);
    if (entry === undefined) return;
    entry.missing -= 1;
    if (entry.missing <= 0) entry.done();
  });

  let processes = 1;
  const count = async (): Promise<number> => {
    processes = Math.max(1, await countListeners(options.db));
    return processes;
  };
  await count();
  const counting = setInterval(
    () => void count().catch((error: unknown) => options.log.warn({ err: error }, "Cannot count the live processes")),
    countEveryMs,
  );
  counting.unref();

  return {
    get processes() {
      return processes;
    },
    subscribe: (listener) => void listeners.push(listener),
    get connected() {
      return notifications.connected;
    },
    async announce(topic, id) {
      await forget(topic, id);
      const others = (await count()) - 1;
      if (others <= 0) return;
      const nonce = randomUUID();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          waiting.delete(nonce);
          resolve();
        };
        const timer = setTimeout(done, routeLeaseMs);
        waiting.set(nonce, { missing: others, done });
        notifications
          .notify(channel, [self, nonce, topic, id].join(" "))
          .catch((error: unknown) => options.log.warn({ err: error, topic }, "Cannot announce; waiting for leases to end"));
      });
    },
    async close() {
      clearInterval(counting);
      await notifications.close();
    },
  };
}

/** Each process holds one connection of this name. */
async function countListeners(db: Kysely<Schema>): Promise<number> {
  const { rows } = await sql<{
    count: number;
  }>`select count(*) from pg_stat_activity where application_name = ${applicationName} and datname = current_database()`.execute(db);
  return rows[0]?.count ?? 0;
}
