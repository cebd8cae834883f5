import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { createTicks, systemRandom, writeTick, type IdSource } from "./new-id.ts";
import { formatId, parseId, type Id } from "./type-id.ts";

export interface SessionOwner {
  userId: string;
  agentId: string;
}

export interface SessionIds {
  /** A new session id that only verifies for this owner. Never twice the same within a process. */
  mint(owner: SessionOwner): Id<"ses">;
  /** The session id of a conversation that the caller names: always the same for this owner and name. Its time lies beyond any clock. */
  derive(owner: SessionOwner, conversation: string): Id<"ses">;
  /** Whether `mint` or `derive` made this very id for this very owner, with this key. Never throws. */
  verify(id: unknown, owner: SessionOwner): boolean;
}

/** The shortest key that HMAC-SHA256 gains from: the length of its output. */
const MIN_KEY_BYTES = 32;

/** Where the random part ends and the authentication code starts, in bytes of the UUID. */
const CODE_OFFSET = 11;

/**
 * Session ids that prove their owner without a lookup. In the layout of a UUIDv7 the 74 bits that are not time are a
 * counter (12 bits), randomness (22 bits) and an HMAC-SHA256 over all before it and the owner, cut to 40 bits.
 *
 * The split is chosen so that ids stay unique when many processes mint for one agent in the same millisecond. 40 bits
 * are enough because nobody can grind them: a foreign session id passes for an attacker's own agent by chance once in
 * 2^40, and each further try costs another user or agent. Authorisation of the agent itself is checked apart from this.
 */
export function createSessionIds(key: Buffer, source: IdSource = {}): SessionIds {
  if (key.length < MIN_KEY_BYTES) throw new RangeError(`A session key needs at least ${MIN_KEY_BYTES} bytes.`);
  // As a key object it is set up once; from bytes every HMAC would cost five times as much.
  const secretKey = createSecretKey(key);
  const nextTick = createTicks(source);
  const fillRandom = source.fillRandom ?? systemRandom;
  return {
    mint(owner) {
      const uuid = Buffer.alloc(16);
      writeTick(uuid, nextTick());
      fillRandom(uuid.subarray(8, CODE_OFFSET));
      uuid[8] = 0x80 | (uuid.readUInt8(8) & 0x3f);
      codeOf(secretKey, uuid, owner).copy(uuid, CODE_OFFSET);
      return formatId("ses", uuid);
    },
    derive(owner, conversation) {
      const uuid = Buffer.alloc(16);
      createHmac("sha256", secretKey)
        .update("whs-session-of/1:")
        .update(`${owner.agentId.length}:${ownerText(owner)}:${conversation}`)
        .digest()
        .copy(uuid, 0, 0, CODE_OFFSET);
      uuid[0] = 0x80 | uuid.readUInt8(0);
      uuid[6] = 0x70 | (uuid.readUInt8(6) & 0x0f);
      uuid[8] = 0x80 | (uuid.readUInt8(8) & 0x3f);
      codeOf(secretKey, uuid, owner).copy(uuid, CODE_OFFSET);
      return formatId("ses", uuid);
    },
    verify(id, owner) {
      const uuid = typeof id === "string" ? parseId("ses", id) : undefined;
      return uuid !== undefined && timingSafeEqual(uuid.subarray(CODE_OFFSET), codeOf(secretKey, uuid, owner));
    },
  };
}

/** The length of the first text keeps ("ab", "c") and ("a", "bc") apart. */
function ownerText({ userId, agentId }: SessionOwner): string {
  return `${userId.length}:${userId}:${agentId}`;
}

function codeOf(key: KeyObject, uuid: Buffer, owner: SessionOwner): Buffer {
  const digest = createHmac("sha256", key)
    .update("whs-session-id/1:")
    .update(uuid.subarray(0, CODE_OFFSET))
    .update(ownerText(owner))
    .digest();
  return digest.subarray(0, 16 - CODE_OFFSET);
}
