import { randomFillSync } from "node:crypto";
import { formatId, MAX_TIME_MS, type Id, type IdPrefix } from "./type-id.ts";

export interface IdSource {
  /** Epoch milliseconds. Default `Date.now`. */
  now?: () => number;
  /** Fills all of the bytes. Default the system's generator. */
  fillRandom?: (bytes: Uint8Array) => void;
}

/** A clock set back by less than this keeps ids ascending; by more, order yields to the true time. */
const CLOCK_STEP_MS = 10_000;

const POOL_BYTES = 4096;

/** Random bytes by the block: one call of the system's generator serves hundreds of ids. */
function pooledRandom(): (bytes: Uint8Array) => void {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;
  return (bytes) => {
    if (used + bytes.length > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    bytes.set(pool.subarray(used, used + bytes.length));
    // What was handed out does not stay readable in memory.
    pool.fill(0, used, used + bytes.length);
    used += bytes.length;
  };
}

export const systemRandom: (bytes: Uint8Array) => void = pooledRandom();

/** Time and counter of an id: pairs never repeat within a process and ascend, also within one millisecond. */
export interface Tick {
  timeMs: number;
  /** 12 bits. */
  counter: number;
}

/**
 * RFC 9562, section 6.2, method 1: a 12-bit counter that starts at a random value below 2,048 every millisecond;
 * when it is used up, the time runs ahead by one millisecond.
 */
export function createTicks({ now = Date.now, fillRandom = systemRandom }: IdSource = {}): () => Tick {
  const seed = Buffer.alloc(2);
  let timeMs = -1;
  let counter = 0;
  return () => {
    const currentMs = Math.min(Math.max(0, Math.floor(now())), MAX_TIME_MS);
    if (currentMs > timeMs || currentMs < timeMs - CLOCK_STEP_MS) {
      timeMs = currentMs;
      counter = seedOf(fillRandom, seed);
    } else if (counter < 0xfff) {
      counter += 1;
    } else {
      timeMs += 1;
      counter = seedOf(fillRandom, seed);
    }
    return { timeMs, counter };
  };
}

function seedOf(fillRandom: (bytes: Uint8Array) => void, seed: Buffer): number {
  fillRandom(seed);
  return seed.readUInt16BE(0) & 0x7ff;
}

/** Writes time, version and counter (RFC 9562, section 5.7); bytes 8 to 15 stay the caller's. */
export function writeTick(uuid: Buffer, { timeMs, counter }: Tick): void {
  uuid.writeUIntBE(timeMs, 0, 6);
  uuid.writeUInt16BE(0x7000 | counter, 6);
}

/** A source of ids with its own clock and randomness. */
export function createIds(source: IdSource = {}): { newId: <P extends IdPrefix>(prefix: P) => Id<P> } {
  const nextTick = createTicks(source);
  const fillRandom = source.fillRandom ?? systemRandom;
  const uuid = Buffer.alloc(16);
  const random = uuid.subarray(8);
  return {
    newId(prefix) {
      writeTick(uuid, nextTick());
      fillRandom(random);
      uuid[8] = 0x80 | (uuid.readUInt8(8) & 0x3f);
      return formatId(prefix, uuid);
    },
  };
}

const processIds = createIds();

/** A new id, ascending within this process. */
export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  return processIds.newId(prefix);
}
