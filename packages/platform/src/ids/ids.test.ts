import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { TypeID } from "typeid-js";
import { describe, expect, test } from "vitest";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { createIds, createSessionIds, idPrefixes, type IdPrefix, idTimeMs, InvalidIdError, isId, newId } from "./index.ts";

const prefixes = Object.keys(idPrefixes) as IdPrefix[];
const sixteenBytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

describe("ids", () => {
  test("the encoding agrees with the reference library of TypeID in both directions", () => {
    fc.assert(
      fc.property(sixteenBytes, (bytes) => {
        // The library reads only bytes that are some UUID, so version and variant are set.
        bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
        bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
        const text = encodeBase32(bytes);
        expect(text).toBe(TypeID.fromUUIDBytes("agt", bytes).getSuffix());
        expect(TypeID.fromString(`agt_${text}`).toUUIDBytes()).toEqual(Uint8Array.from(decodeBase32(text) ?? []));
      }),
    );
  });

  test("the specification's vectors are met", () => {
    const vectors: [string, string][] = [
      ["00000000000000000000000000000000", "00000000000000000000000000"],
      ["00000000000000000000000000000001", "00000000000000000000000001"],
      ["0000000000000000000000000000000a", "0000000000000000000000000a"],
      ["00000000000000000000000000000010", "0000000000000000000000000g"],
      ["00000000000000000000000000000020", "00000000000000000000000010"],
      ["ffffffffffffffffffffffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"],
      ["0110c8531d0952d8d73e1194e95b5f19", "0123456789abcdefghjkmnpqrs"],
      ["01890a5dac96774bbcceb302099a8057", "01h455vb4pex5vsknk084sn02q"],
    ];
    for (const [hex, text] of vectors) {
      expect(encodeBase32(Buffer.from(hex, "hex"))).toBe(text);
      expect(decodeBase32(text)?.toString("hex")).toBe(hex);
    }
  });

  test.each(prefixes)("a new %s id is an id of its own kind and of no other", (prefix) => {
    const id = newId(prefix);
    expect(id).toMatch(new RegExp(`^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`));
    expect(prefixes.filter((other) => isId(other, id))).toEqual([prefix]);
  });

  test("an id tells when it was made", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (timeMs) => {
        expect(idTimeMs(createIds({ now: () => timeMs }).newId("dep"))).toBe(timeMs);
      }),
    );
  });

  test.each([
    "",
    "dep",
    "_",
    "dep_",
    "xyz_01h455vb4pex5vsknk084sn02q",
    "constructor_01h455vb4pex5vsknk084sn02q",
    "dep_01h455vb4pex5vsknk084sn02",
  ])("the time of %j is refused with a typed error", (text) => {
    expect(() => idTimeMs(text)).toThrow(InvalidIdError);
  });

  test("ids are unique and ascend, also many within one millisecond and when the clock steps back a little", () => {
    let nowMs = 1_700_000_000_000;
    const ids = createIds({ now: () => nowMs });
    const made: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      if (i % 5_000 === 4_999) nowMs -= 700;
      made.push(ids.newId("evt"));
    }
    expect(new Set(made).size).toBe(made.length);
    expect(made.toSorted()).toEqual(made);
  });

  test("a clock that was far ahead is followed back", () => {
    let nowMs = 1_900_000_000_000;
    const ids = createIds({ now: () => nowMs });
    ids.newId("evt");
    nowMs = 1_700_000_000_000;
    expect(idTimeMs(ids.newId("evt"))).toBe(nowMs);
  });

  test("with injected clock and randomness ids are reproducible", () => {
    const make = () => createIds({ now: () => 1_700_000_000_000, fillRandom: (bytes) => bytes.fill(0xa5) }).newId("agt");
    expect(make()).toBe(make());
    expect(make()).not.toBe(newId("agt"));
  });

  test("text that is not exactly an id is not one", () => {
    const id = newId("agt");
    const suffix = id.slice(4);
    const wrong = [
      `${id} `,
      ` ${id}`,
      id.toUpperCase(),
      `agt-${suffix}`,
      `agt_8${suffix.slice(1)}`,
      `agt_${suffix.slice(0, 25)}`,
      `agt_${suffix}0`,
    ];
    const wrongDigits = ["i", "l", "o", "u", "-", "é", "\u0000"].map((digit) => `agt_${suffix.slice(0, 20)}${digit}${suffix.slice(21)}`);
    const version4 = `agt_${encodeBase32(Buffer.from("0110c8531d0942d8973e1194e95b5f19", "hex"))}`;
    const otherVariant = `agt_${encodeBase32(Buffer.from("0110c8531d0972d8d73e1194e95b5f19", "hex"))}`;
    for (const text of [...wrong, ...wrongDigits, version4, otherVariant, undefined, null, 1, { length: 30 }])
      expect(isId("agt", text)).toBe(false);
  });

  test("no text makes the check throw, and what passes has one spelling only", () => {
    const suffixes = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...Array.from(ALPHABET)), minLength: 26, maxLength: 26 }),
    );
    fc.assert(
      fc.property(suffixes, (suffix) => {
        const text = `ses_${suffix}`;
        if (!isId("ses", text)) return;
        expect(`ses_${encodeBase32(decodeBase32(suffix) ?? Buffer.alloc(16))}`).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("session ids", () => {
  const key = Buffer.alloc(32, 7);
  const owner = { userId: "usr_01h455vb4pex5vsknk084sn02q", agentId: "agt_01h455vb4pex5vsknk084sn02q" };
  const nowMs = 1_700_000_000_000;
  const sessions = createSessionIds(key, { now: () => nowMs });

  test("a minted id is a session id with its time, and verifies for its owner", () => {
    const id = sessions.mint(owner);
    expect(isId("ses", id)).toBe(true);
    expect(idTimeMs(id)).toBe(nowMs);
    expect(sessions.verify(id, owner)).toBe(true);
  });

  test("another process with the same key verifies it, one with another key does not", () => {
    const id = sessions.mint(owner);
    expect(createSessionIds(Buffer.from(key)).verify(id, owner)).toBe(true);
    expect(createSessionIds(Buffer.alloc(32, 8)).verify(id, owner)).toBe(false);
  });

  test("a conversation's session is the same at every process, and another for any other owner or name", () => {
    const text = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(text, text, text, text, (userId, agentId, name, other) => {
        const id = sessions.derive({ userId, agentId }, name);
        expect(isId("ses", id)).toBe(true);
        expect(sessions.verify(id, { userId, agentId })).toBe(true);
        expect(createSessionIds(Buffer.from(key)).derive({ userId, agentId }, name)).toBe(id);
        expect(idTimeMs(id)).toBeGreaterThan(Date.UTC(5000, 0));
        expect(sessions.derive({ userId, agentId }, other) === id).toBe(other === name);
        expect(sessions.derive({ userId: other, agentId }, name) === id).toBe(other === userId);
        expect(sessions.derive({ userId, agentId: other }, name) === id).toBe(other === agentId);
        fc.pre(agentId !== "");
        expect(sessions.derive({ userId: userId + agentId.slice(0, 1), agentId: agentId.slice(1) }, name)).not.toBe(id);
        expect(sessions.derive({ userId, agentId: agentId.slice(0, -1) }, agentId.slice(-1) + name)).not.toBe(id);
      }),
    );
  });

  test("any changed bit fails", () => {
    const id = sessions.mint(owner);
    const uuid = decodeBase32(id.slice(4)) ?? Buffer.alloc(0);
    expect(uuid.length).toBe(16);
    for (let bit = 0; bit < 128; bit++) {
      const changed = Buffer.from(uuid);
      changed[bit >> 3] = changed.readUInt8(bit >> 3) ^ (1 << (bit & 7));
      expect(sessions.verify(`ses_${encodeBase32(changed)}`, owner), `bit ${bit}`).toBe(false);
    }
  });

  test("any other owner fails, also one whose texts join to the same", () => {
    const text = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(text, text, text, text, (userId, agentId, otherUser, otherAgent) => {
        const id = sessions.mint({ userId, agentId });
        expect(sessions.verify(id, { userId, agentId })).toBe(true);
        const same = userId === otherUser && agentId === otherAgent;
        expect(sessions.verify(id, { userId: otherUser, agentId: otherAgent })).toBe(same);
        fc.pre(agentId !== "");
        expect(sessions.verify(id, { userId: userId + agentId.slice(0, 1), agentId: agentId.slice(1) })).toBe(false);
      }),
    );
  });

  test("an id that was never minted fails, whatever its form", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          sixteenBytes.map((bytes) => `ses_${encodeBase32(bytes)}`),
          fc.string().map((text) => `ses_${text}`),
        ),
        (id) => {
          expect(sessions.verify(id, owner)).toBe(false);
        },
      ),
    );
    expect(sessions.verify(newId("ses"), owner)).toBe(false);
  });

  test("ids minted in one millisecond for one owner differ, in one process and across processes", () => {
    const other = createSessionIds(key, { now: () => nowMs });
    const made = Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? sessions : other).mint(owner));
    expect(new Set(made).size).toBe(made.length);
  });

  test("a short key is refused", () => {
    expect(() => createSessionIds(randomBytes(31))).toThrow(RangeError);
  });
});
