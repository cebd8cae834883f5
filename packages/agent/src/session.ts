import type { ListOptions, Message, Session, SessionMessages, SessionStorage, StorageOperations } from "./types.ts";

/** Author's keys and the platform's stand under different prefixes of one store, so that neither meets the other's. */
const VALUE_PREFIX = "v/";
const MESSAGE_PREFIX = "m/";
/** Digits of a message's number in its key: keys then sort as numbers do. */
const MESSAGE_DIGITS = 12;

/** The session an agent sees, on whatever store a runtime keeps for it. */
export function createSession(id: string, store: SessionStorage): Session {
  return { id, storage: scopedStorage(store), messages: messageHistory(store) };
}

/** The session of an agent that has none: every use of its storage says why there is nothing. */
export function statelessSession(): Session {
  const refuse = () =>
    Promise.reject(
      new Error('This agent keeps no sessions: "sessionful" is false in agent.config.json, or the request belongs to no session.'),
    );
  return {
    id: null,
    storage: { get: refuse, put: refuse, delete: refuse, list: refuse, transaction: refuse },
    messages: { list: refuse, append: refuse, clear: refuse },
  };
}

function scopedStorage(store: SessionStorage): SessionStorage {
  return { ...scopedOperations(store), transaction: (run) => store.transaction((inner) => run(scopedOperations(inner))) };
}

function scopedOperations(store: StorageOperations): StorageOperations {
  return {
    get: (key) => store.get(VALUE_PREFIX + checkKey(key)),
    put: (key, value) => {
      if (value === undefined) throw new TypeError(`Cannot store undefined under "${key}": delete the key instead.`);
      return store.put(VALUE_PREFIX + checkKey(key), value);
    },
    delete: (key) => store.delete(VALUE_PREFIX + checkKey(key)),
    async list<T>(options: ListOptions = {}) {
      const { prefix = "", start, end, ...rest } = options;
      const found = await store.list<T>({
        ...rest,
        prefix: VALUE_PREFIX + prefix,
        ...(start === undefined ? {} : { start: VALUE_PREFIX + start }),
        ...(end === undefined ? {} : { end: VALUE_PREFIX + end }),
      });
      return new Map([...found].map(([key, value]) => [key.slice(VALUE_PREFIX.length), value]));
    },
  };
}

/** Keys have up to 1,024 bytes of UTF-8: what every runtime's store can hold with room for its own prefixes. */
function checkKey(key: string): string {
  if (typeof key === "string" && key !== "" && new TextEncoder().encode(key).length <= 1024) return key;
  throw new TypeError("A storage key must be a string of 1 to 1,024 bytes.");
}

function messageHistory(store: SessionStorage): SessionMessages {
  return {
    list: async () => [...(await store.list<Message>({ prefix: MESSAGE_PREFIX })).values()],
    append: (...messages) =>
      store.transaction(async (transaction) => {
        const last = [...(await transaction.list({ prefix: MESSAGE_PREFIX, reverse: true, limit: 1 })).keys()][0];
        let next = last === undefined ? 0 : Number(last.slice(MESSAGE_PREFIX.length)) + 1;
        for (const { role, content } of messages) {
          await transaction.put(MESSAGE_PREFIX + String(next).padStart(MESSAGE_DIGITS, "0"), { role, content });
          next += 1;
        }
      }),
    clear: () =>
      store.transaction(async (transaction) => {
        for (const key of (await transaction.list({ prefix: MESSAGE_PREFIX })).keys()) await transaction.delete(key);
      }),
  };
}
