import { createHash, createSecretKey, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  deriveTelemetryKey,
  HmacKeyError,
  parseHmacKey,
  SignatureContextError,
  signatureHeader,
  signV1,
  signV2,
  type Verification,
  verifySignature,
} from "./index.ts";

const key = Buffer.from("0123456789abcdef0123456789abcdef");
const otherKey = Buffer.from("fedcba9876543210fedcba9876543210");
const now = 1_767_225_600_000;
const body = Buffer.from('{"invoke":{"input":{"prompt":"héllo"}}}');
const context = { timestamp: String(now), source: "fleetprompt", method: "POST", path: "/v1/delegated/invoke/agt_1" };
const header = signatureHeader(key, { ...context, body });
const request: Verification = { header, keys: [key], rawBody: body, v2: context, now };

/** RFC 2104 spelled out over SHA-256, as a second way to the same value. */
function hmacByHand(hmacKey: Buffer, message: Buffer): Buffer {
  const sha256 = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const padded = Buffer.concat([hmacKey.length > 64 ? sha256(hmacKey) : hmacKey], 64);
  const pad = (value: number) => padded.map((byte) => byte ^ value) as Buffer;
  return sha256(pad(0x5c), sha256(pad(0x36), message));
}

describe("signing", () => {
  test("RFC 4231 test case 7, a key and data longer than a block, is met", () => {
    const text =
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.";
    expect(signV1(Buffer.alloc(131, 0xaa), text)).toBe("v1=9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
  });

  test("a v1 signature is the HMAC of the body and a v2 the HMAC of timestamp.source.METHOD path.body", () => {
    expect(signV1(key, body)).toBe(`v1=${hmacByHand(key, body).toString("hex")}`);
    const signed = Buffer.concat([Buffer.from(`${now}.fleetprompt.POST /v1/delegated/invoke/agt_1.`), body]);
    expect(signV2(key, { ...context, method: "post", body })).toBe(`v2=${hmacByHand(key, signed).toString("hex")}`);
    expect(header).toBe(`${signV1(key, body)},${signV2(key, { ...context, body })}`);
  });

  test("any key and body give what HMAC by hand gives, as bytes, as text and with a key object", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 100 }), fc.string({ unit: "grapheme" }), (keyBytes, text) => {
        const anyKey = Buffer.from(keyBytes);
        const expected = `v1=${hmacByHand(anyKey, Buffer.from(text)).toString("hex")}`;
        expect([signV1(anyKey, text), signV1(anyKey, Buffer.from(text)), signV1(createSecretKey(anyKey), text)]).toEqual([
          expected,
          expected,
          expected,
        ]);
      }),
    );
  });

  test.each([
    ["timestamp", "-1"],
    ["timestamp", "1e3"],
    ["timestamp", "007"],
    ["timestamp", ""],
    ["timestamp", "1".repeat(16)],
    ["source", "a.b"],
    ["source", ""],
    ["source", "a\nb"],
    ["method", "PO ST"],
    ["path", "v1/x"],
    ["path", "/a b"],
    ["path", '/x.{"a":1}'],
    ["path", "/x.[1]"],
    ["path", "/é"],
  ])("a request whose %s is %j cannot be signed", (part, value) => {
    expect(() => signV2(key, { ...context, [part]: value, body })).toThrow(SignatureContextError);
    const result = verifySignature({ ...request, v2: { ...context, [part]: value } });
    expect(result).toEqual({ ok: false, reason: part === "timestamp" ? "timestamp_malformed" : "context_malformed" });
  });
});

describe("verification", () => {
  test("a right signature passes, and the result says which version and key it was", () => {
    expect(verifySignature(request)).toEqual({ ok: true, version: "v2", keyIndex: 0 });
    expect(verifySignature({ ...request, header: signV1(key, body) })).toEqual({ ok: true, version: "v1", keyIndex: 0 });
    expect(verifySignature({ ...request, header: signV2(key, { ...context, body }) })).toEqual({ ok: true, version: "v2", keyIndex: 0 });
    expect(verifySignature({ header: signV1(key, body), keys: [key], rawBody: body, now })).toEqual({
      ok: true,
      version: "v1",
      keyIndex: 0,
    });
  });

  test("order and one space after the comma do not matter", () => {
    const [v1, v2] = header.split(",");
    for (const spelled of [`${v2},${v1}`, `${v1}, ${v2}`, `${v2}, ${v1}`])
      expect(verifySignature({ ...request, header: spelled }).ok).toBe(true);
  });

  test("during a rotation both keys pass, afterwards the old one fails", () => {
    expect(verifySignature({ ...request, keys: [otherKey, key] })).toEqual({ ok: true, version: "v2", keyIndex: 1 });
    expect(verifySignature({ ...request, keys: [createSecretKey(otherKey), createSecretKey(key)] })).toEqual({
      ok: true,
      version: "v2",
      keyIndex: 1,
    });
    expect(verifySignature({ ...request, keys: [otherKey] })).toEqual({ ok: false, reason: "mismatch" });
  });

  test("a v1 of one key and a v2 of the other do not pass together", () => {
    const mixed = `${signV1(key, body)},${signV2(otherKey, { ...context, body })}`;
    expect(verifySignature({ ...request, header: mixed, keys: [key, otherKey] })).toEqual({ ok: false, reason: "mismatch" });
  });

  test("a wrong v2 fails beside a right v1, and a wrong v1 beside a right v2", () => {
    const wrong = "0".repeat(64);
    expect(verifySignature({ ...request, header: `${signV1(key, body)},v2=${wrong}` })).toEqual({ ok: false, reason: "mismatch" });
    expect(verifySignature({ ...request, header: `v1=${wrong},${signV2(key, { ...context, body })}` })).toEqual({
      ok: false,
      reason: "mismatch",
    });
  });

  test("where v2 is required, v1 alone fails", () => {
    expect(verifySignature({ ...request, header: signV1(key, body), requireV2: true })).toEqual({ ok: false, reason: "v2_required" });
    expect(verifySignature({ ...request, requireV2: true }).ok).toBe(true);
  });

  test("a v2 never passes unchecked: without context or timestamp it fails", () => {
    expect(verifySignature({ header, keys: [key], rawBody: body, now })).toEqual({ ok: false, reason: "v2_context_missing" });
    expect(verifySignature({ ...request, v2: { ...context, timestamp: undefined } })).toEqual({ ok: false, reason: "timestamp_missing" });
  });

  test("a timestamp is optional for v1 unless required", () => {
    const v1Only = { ...request, header: signV1(key, body), v2: { ...context, timestamp: undefined } };
    expect(verifySignature(v1Only).ok).toBe(true);
    expect(verifySignature({ ...v1Only, requireTimestamp: true })).toEqual({ ok: false, reason: "timestamp_missing" });
    expect(verifySignature({ header: signV1(key, body), keys: [key], rawBody: body, now, requireTimestamp: true })).toEqual({
      ok: false,
      reason: "timestamp_missing",
    });
  });

  test("the window is five minutes either way, borders included, for v1 and v2", () => {
    const at = (offsetMs: number, version: "v1" | "v2") => {
      const moved = { ...context, timestamp: String(now + offsetMs) };
      return verifySignature({ ...request, v2: moved, header: version === "v1" ? signV1(key, body) : signV2(key, { ...moved, body }) });
    };
    for (const version of ["v1", "v2"] as const) {
      for (const offsetMs of [-300_000, 0, 300_000]) expect(at(offsetMs, version).ok).toBe(true);
      for (const offsetMs of [-300_001, 300_001, -now])
        expect(at(offsetMs, version)).toEqual({ ok: false, reason: "timestamp_outside_window" });
    }
  });

  test("the window can reach further back than ahead", () => {
    const toleranceMs = { past: 86_400_000, future: 300_000 };
    const at = (offsetMs: number) =>
      verifySignature({ ...request, header: signV1(key, body), v2: { ...context, timestamp: String(now + offsetMs) }, toleranceMs }).ok;
    expect([at(-86_400_000), at(-86_400_001), at(300_000), at(300_001)]).toEqual([true, false, true, false]);
  });

  test("a clock that is not a number refuses", () => {
    expect(verifySignature({ ...request, now: Number.NaN })).toEqual({ ok: false, reason: "timestamp_outside_window" });
    expect(verifySignature({ ...request, toleranceMs: Number.NaN })).toEqual({ ok: false, reason: "timestamp_outside_window" });
  });

  test.each([undefined, ""])("the header %j counts as missing", (value) => {
    expect(verifySignature({ ...request, header: value })).toEqual({ ok: false, reason: "header_missing" });
  });

  const v1 = signV1(key, body);
  const v2 = signV2(key, { ...context, body });
  test.each([
    ["upper-case digits", v1.toUpperCase().replace("V1", "v1")],
    ["an upper-case version", v1.replace("v1", "V1")],
    ["an unknown version", v1.replace("v1", "v3")],
    ["a short digest", v1.slice(0, -1)],
    ["a long digest", `${v1}0`],
    ["a version twice", `${v1},${v1}`],
    ["three signatures", `${v1},${v2},${v1}`],
    ["a leading space", ` ${v1}`],
    ["a trailing space", `${v1} `],
    ["a line break at the end", `${v1}\n`],
    ["a trailing comma", `${v1},`],
    ["two spaces between", `${v1},  ${v2}`],
    ["no version", v1.slice(3)],
    ["an array of headers", [v1]],
    ["a very long header", `${v1}${",".repeat(1_000_000)}`],
  ])("a header with %s is refused as malformed", (_, value) => {
    expect(verifySignature({ ...request, header: value })).toEqual({ ok: false, reason: "header_malformed" });
  });

  test("unusable keys are a fault of the caller, not a failed signature", () => {
    for (const keys of [[], [key, key, key], [key.subarray(1)], [key, createSecretKey(randomBytes(31))]]) {
      expect(() => verifySignature({ ...request, keys })).toThrow(HmacKeyError);
    }
  });
});

describe("one changed byte fails", () => {
  const anyBody = fc.uint8Array({ minLength: 1, maxLength: 300 });
  const anyPath = fc.stringMatching(/^\/[a-z0-9._~/-]{1,60}$/);
  const anySource = fc.stringMatching(/^[A-Za-z0-9_-]{1,30}$/);
  const change = fc.record({ at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }) });

  function changed(bytes: Uint8Array, { at, xor }: { at: number; xor: number }): Buffer {
    const copy = Buffer.from(bytes);
    copy[at % copy.length] = copy.readUInt8(at % copy.length) ^ xor;
    return copy;
  }
  const changedText = (text: string, how: { at: number; xor: number }) => changed(Buffer.from(text, "latin1"), how).toString("latin1");

  test("in the body, under v1 and under v2", () => {
    fc.assert(
      fc.property(anyBody, change, (rawBody, how) => {
        for (const signed of [
          signV1(key, rawBody),
          signV2(key, { ...context, body: rawBody }),
          signatureHeader(key, { ...context, body: rawBody }),
        ]) {
          expect(verifySignature({ ...request, header: signed, rawBody }).ok).toBe(true);
          expect(verifySignature({ ...request, header: signed, rawBody: changed(rawBody, how) }).ok).toBe(false);
        }
      }),
    );
  });

  test("in the header", () => {
    fc.assert(
      fc.property(anyBody, change, fc.constantFrom("v1", "v2", "both"), (rawBody, how, which) => {
        const both = signatureHeader(key, { ...context, body: rawBody });
        const sent = which === "both" ? both : (both.split(",")[which === "v1" ? 0 : 1] ?? "");
        expect(verifySignature({ ...request, rawBody, header: sent }).ok).toBe(true);
        expect(verifySignature({ ...request, rawBody, header: changedText(sent, how) }).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("in timestamp, source, method or path, under v2", () => {
    fc.assert(
      fc.property(anySource, anyPath, change, fc.constantFrom("timestamp", "source", "method", "path"), (source, path, how, part) => {
        const signed = { ...context, source, path };
        const sent = signV2(key, { ...signed, body });
        const verify = (v2: typeof signed) => verifySignature({ ...request, header: sent, v2, toleranceMs: Number.MAX_SAFE_INTEGER }).ok;
        expect(verify(signed)).toBe(true);
        const other = changedText(signed[part], how);
        // Methods are compared without regard to case.
        fc.pre(part !== "method" || other.toUpperCase() !== "POST");
        expect(verify({ ...signed, [part]: other })).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("in the key", () => {
    fc.assert(
      fc.property(change, (how) => {
        expect(verifySignature({ ...request, keys: [changed(key, how)] }).ok).toBe(false);
      }),
    );
  });

  test("no bytes move between path and JSON body", () => {
    const json = fc.oneof(fc.dictionary(fc.string(), fc.double()), fc.array(fc.double())).map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(json, anyPath, fc.nat({ max: 400 }), (text, path, at) => {
        const signed = signV2(key, { ...context, path, body: text });
        const joined = `${path}.${text}`;
        if (joined[at] !== "." || at === path.length) return;
        const shifted = { path: joined.slice(0, at), body: joined.slice(at + 1) };
        const passes = verifySignature({ ...request, header: signed, rawBody: shifted.body, v2: { ...context, path: shifted.path } }).ok;
        // A shorter path leaves its end in the body, which then is no JSON; a longer one holds JSON, which no path may.
        expect(passes && isJson(shifted.body)).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  function isJson(text: string): boolean {
    try {
      return JSON.parse(text) !== undefined;
    } catch (error) {
      if (error instanceof SyntaxError) return false;
      throw error;
    }
  }

  test("no header makes verification throw, and only the right one passes", () => {
    const headers = fc.oneof(
      fc.string(),
      fc.stringMatching(/^v[12]=[0-9a-f]{64}(,v[12]=[0-9a-f]{64})?$/),
      fc.array(fc.string()),
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(headers, (any) => {
        expect(verifySignature({ ...request, header: any }).ok).toBe(false);
      }),
    );
  });
});

describe("keys", () => {
  test("a key is the bytes of its text", () => {
    expect(parseHmacKey("é".repeat(16))).toEqual(Buffer.from("é".repeat(16), "utf8"));
    expect(parseHmacKey(key.toString())).toEqual(key);
  });

  test.each([
    ["", /at least 32 bytes, but has 0/],
    ["s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3c", /at least 32 bytes, but has 31/],
    [`${"k".repeat(40)}\n`, /white space/],
    [` ${"k".repeat(40)}`, /white space/],
    [`${"k".repeat(40)}\ud800`, /Unicode/],
  ])("the key %j is refused without being repeated in the message", (text, message) => {
    const error = (() => {
      try {
        return parseHmacKey(text);
      } catch (caught) {
        return caught;
      }
    })();
    expect(error).toBeInstanceOf(HmacKeyError);
    expect((error as HmacKeyError).message).toMatch(message);
    expect((error as HmacKeyError).message.split(text.trim() || "no such text")).toHaveLength(1);
  });
});

describe("telemetry keys", () => {
  const root = Buffer.alloc(32, 0x0b);

  /** RFC 5869 spelled out; 32 bytes need a single round of expansion. */
  function hkdfByHand(inputKey: Buffer, info: string): Buffer {
    const pseudoRandomKey = hmacByHand(Buffer.alloc(32), inputKey);
    return hmacByHand(pseudoRandomKey, Buffer.concat([Buffer.from(info), Buffer.of(1)]));
  }

  test("the hand-made derivation used here meets RFC 5869 test case 3", () => {
    const okm = hkdfByHand(Buffer.alloc(22, 0x0b), "");
    expect(okm.toString("hex")).toBe("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
  });

  test("a telemetry key is HKDF-SHA256 over telemetry/<deploymentId>/<version>", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 64 }),
        fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
        fc.integer({ min: 1 }),
        (bytes, id, version) => {
          expect(deriveTelemetryKey(Buffer.from(bytes), id, version)).toEqual(hkdfByHand(Buffer.from(bytes), `telemetry/${id}/${version}`));
        },
      ),
    );
    expect(deriveTelemetryKey(root, "dep_01h455vb4pex5vsknk084sn02q", 1)).toHaveLength(32);
    expect(deriveTelemetryKey(createSecretKey(root), "dep_1", 1)).toEqual(deriveTelemetryKey(root, "dep_1", 1));
  });

  test("another deployment, version or root key gives another key", () => {
    const keys = [
      deriveTelemetryKey(root, "dep_1", 1),
      deriveTelemetryKey(root, "dep_2", 1),
      deriveTelemetryKey(root, "dep_1", 2),
      deriveTelemetryKey(Buffer.alloc(32, 0x0c), "dep_1", 1),
    ];
    expect(new Set(keys.map((derived) => derived.toString("hex"))).size).toBe(4);
  });

  test("what a derivation could confuse is refused", () => {
    for (const id of ["", "dep_1/1", "dep 1", "d".repeat(129)]) expect(() => deriveTelemetryKey(root, id, 1)).toThrow(RangeError);
    for (const version of [0, -1, 1.5, Number.NaN, 2 ** 53]) expect(() => deriveTelemetryKey(root, "dep_1", version)).toThrow(RangeError);
    expect(() => deriveTelemetryKey(root.subarray(1), "dep_1", 1)).toThrow(HmacKeyError);
  });
});
