import type { Logger } from "@whs/platform/log";
import pg from "pg";

export interface NotificationsOptions {
  url: string;
  applicationName: string;
  log: Logger;
  /** After a lost connection is back: what came in between is unknown. */
  onReconnect: () => void;
  /** Default 200. */
  reconnectDelayMs?: number;
}

export interface Notifications {
  listen(channel: string, handler: (payload: string) => void): Promise<void>;
  notify(channel: string, payload: string): Promise<void>;
  /** False while the connection is broken and nothing arrives. */
  readonly connected: boolean;
  close(): Promise<void>;
}

const defaultReconnectDelayMs = 200;

/** LISTEN and NOTIFY on one connection of its own that is opened again when it breaks. */
export async function openNotifications(options: NotificationsOptions): Promise<Notifications> {
  const { reconnectDelayMs = defaultReconnectDelayMs } = options;
  const handlers = new Map<string, (payload: string) => void>();
  let client: pg.Client | undefined;
  let closing = false;
  let retry: NodeJS.Timeout | undefined;
  let reconnecting: Promise<void> | undefined;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ connectionString: options.url, application_name: options.applicationName, keepAlive: true });
    next.on("notification", ({ channel, payload }) => handlers.get(channel)?.(payload ?? ""));
    const lost = (error?: Error): void => {
      if (client !== next) return;
      client = undefined;
      if (closing) return;
      options.log.warn({ err: error }, "The notification connection broke");
      scheduleReconnect();
    };
    next.on("error", lost);
    next.on("end", () => lost());
    try {
      await next.connect();
      for (const channel of handlers.keys()) await next.query(`listen ${next.escapeIdentifier(channel)}`);
    } catch (error) {
      await next.end();
      throw error;
    }
    client = next;
  };
  const reconnect = async (): Promise<void> => {
    try {
      await connect();
    } catch (error) {
      options.log.warn({ err: error }, "Cannot reconnect for notifications yet");
      if (!closing) scheduleReconnect();
      return;
    }
    if (!closing) options.onReconnect();
  };
  const scheduleReconnect = (): void => {
    retry = setTimeout(() => {
      reconnecting = reconnect();
    }, reconnectDelayMs);
  };

  await connect();
  return {
    async listen(channel, handler) {
      handlers.set(channel, handler);
      if (client !== undefined) await client.query(`listen ${client.escapeIdentifier(channel)}`);
    },
    async notify(channel, payload) {
      if (client === undefined) throw new Error("The notification connection is broken");
      await client.query("select pg_notify($1, $2)", [channel, payload]);
    },
    get connected() {
      return client !== undefined;
    },
    async close() {
      closing = true;
      clearTimeout(retry);
      await reconnecting;
      await client?.end();
    },
  };
}
