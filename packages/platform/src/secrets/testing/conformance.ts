import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_VALUE_BYTES, type SecretStore } from "../index.ts";

/** One storage and what can happen to it. A real server, which nothing may happen to, leaves that out. */
export interface SecretStoreHarness {
  /** A further connection to the same secrets, such as another process has. */
  open(): Promise<SecretStore>;
  faults?: {
    /** Changes what is stored under a reference of `put`. */
    damage(ref: string): Promise<void>;
    /** The storage refuses this process from now on. */
    deny(): Promise<void>;
    /** The storage is not to be reached from now on. */
    stop(): Promise<void>;
  };
  close(): Promise<void>;
}

const SENTINEL = "s3ntinel-value-7f3a";
const FOREIGN_REFS = [
  "",
  "x",
  "local:",
  "local:../x",
  "openbao:secret/x#1",
  "aws-sm:x",
  `openbao:${"0".repeat(31)}g`,
  `aws-sm:${"0".repeat(32)}:0`,
];

/** The guarantees of the port, for any driver. */
export function describeSecretStore(name: string, start: () => Promise<SecretStoreHarness>, { withFaults = true } = {}): void {
  describe(`${name}: a secret store`, () => {
    let harness: SecretStoreHarness;
    let store: SecretStore;
    const opened: SecretStore[] = [];
    const open = async (): Promise<SecretStore> => {
      const another = await harness.open();
      opened.push(another);
      return another;
    };

    beforeEach(async () => {
      harness = await start();
      store = await open();
    });
    afterEach(async () => {
      for (const another of opened.splice(0)) await another.close();
      await harness.close();
    });

    /** Of its own in each run, as a real server keeps what it is told. */
    const freshPath = (): string => `system/${randomBytes(8).toString("hex")}`;

    const everyMethod = (ref: string): Record<string, () => Promise<unknown>> => ({
      put: () => store.put("agents/a/KEY", SENTINEL),
      get: () => store.get(ref),
      delete: () => store.delete(ref),
      getByPath: () => store.getByPath("system/x"),
      putByPath: () => store.putByPath("system/x", SENTINEL),
      deleteByPath: () => store.deleteByPath("system/x"),
      ensure: () => store.ensure("system/x", () => SENTINEL),
      sweep: () => store.sweep(new Set(), new Date(0)),
      healthcheck: () => store.healthcheck(),
    });

    async function codesOf(methods: Record<string, () => Promise<unknown>>): Promise<Record<string, unknown>> {
      const codes = Object.entries(methods).map(async ([method, call]) => {
        const error: unknown = await call().then(
          () => new Error("did not fail"),
          (caught: unknown) => caught,
        );
        expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("s3ntinel");
        expect((error as Error).name).toBe("SecretStoreError");
        return [method, (error as { code?: unknown }).code] as const;
      });
      return Object.fromEntries(await Promise.all(codes));
    }

    const allOf = (code: string): Record<string, string> =>
      Object.fromEntries(Object.keys(everyMethod("")).map((method) => [method, code]));

    describe("a value", () => {
      const planes = Array.from({ length: 17 }, (_, plane) =>
        String.fromCodePoint(plane * 0x10000 + 1, plane * 0x10000 + 0x7fff, plane * 0x10000 + 0xfffd, plane * 0x10000 + 0xffff),
      ).join("");
      test.each([
        ["of every plane of Unicode", planes],
        ["that is empty", ""],
        ["of control characters, quotes and line breaks", `\u0000\u0001\u001f"'\\\r\n\u2028\u2029</script>&`],
        ["with a byte order mark", "\ufeffvalue\ufeff"],
        ["of white space", " \n\t "],
        ["like JSON", '{"v":1,"place":"refs/0"}\n{}'],
        ["like base64", "aGVsbG8="],
      ])("comes back as it was: %s", async (_, value) => {
        const ref = await store.put("agents/a/KEY", value);
        const path = freshPath();
        await store.putByPath(path, value);
        const other = await open();
        expect([await store.get(ref), await other.get(ref), await other.getByPath(path)]).toEqual([value, value, value]);
      });

      test("comes back as it was, whatever text it is", async () => {
        await fc.assert(
          fc.asyncProperty(fc.string({ unit: "binary", maxLength: 300 }), async (text) => {
            const value = text.toWellFormed();
            expect(await store.get(await store.put("agents/a/KEY", value))).toBe(value);
          }),
          { numRuns: 20 },
        );
      });

      test.each([
        ["controls", "\u0001"],
        ["letters of two bytes", "é"],
        ["characters of four bytes", "𝄞"],
      ])("may have 256 KiB of %s, whole and not a byte more, in every way to store it", async (_, unit) => {
        const largest = unit.repeat(MAX_VALUE_BYTES / Buffer.byteLength(unit));
        const [path, ensured] = [freshPath(), freshPath()];
        const ref = await store.put("a".repeat(512), largest);
        await store.putByPath(path, largest);
        const values = [
          await store.get(ref),
          await store.getByPath(path),
          await store.ensure(ensured, () => largest),
          await store.getByPath(ensured),
        ];
        expect(values.map((value) => value === largest)).toEqual([true, true, true, true]);
        const tooLarge = `${largest}${SENTINEL}`;
        const refusals = {
          put: () => store.put("a", tooLarge),
          byPath: () => store.putByPath(path, tooLarge),
          ensure: () => store.ensure(freshPath(), () => tooLarge),
        };
        expect(await codesOf(refusals)).toEqual({ put: "invalid_value", byPath: "invalid_value", ensure: "invalid_value" });
        await store.delete(ref);
        await store.deleteByPath(path);
        expect([await store.get(ref), await store.getByPath(path)]).toEqual([undefined, undefined]);
      });

      test("that is not Unicode text is refused", async () => {
        const half = `${SENTINEL}\ud800`;
        expect(await codesOf({ put: () => store.put("a", half), byPath: () => store.putByPath("a", half) })).toEqual({
          put: "invalid_value",
          byPath: "invalid_value",
        });
      });
    });

    describe("a reference", () => {
      test("is new for each value, and the old value stays until it is deleted", async () => {
        const first = await store.put("agents/a/KEY", "one");
        const second = await store.put("agents/a/KEY", "two");
        expect([await store.get(first), await store.get(second)]).toEqual(["one", "two"]);
        await store.delete(first);
        await store.delete(first);
        expect([await store.get(first), await store.get(second)]).toEqual([undefined, "two"]);
      });

      test("is its own for each of 20 values that are stored at once", async () => {
        const stores = [store, await open()];
        const values = Array.from({ length: 20 }, (_, index) => `value ${index}`);
        const refs = await Promise.all(values.map((value, index) => (stores[index % 2] ?? store).put("agents/a/KEY", value)));
        expect(new Set(refs).size).toBe(20);
        expect(await Promise.all(refs.map((ref) => store.get(ref)))).toEqual(values);
      });

      test.each(FOREIGN_REFS)("of another store is refused: %j", async (ref) => {
        expect(await codesOf({ get: () => store.get(ref), delete: () => store.delete(ref) })).toEqual({
          get: "invalid_ref",
          delete: "invalid_ref",
        });
      });
    });

    describe("a well-known path", () => {
      test("has the value that was set last, until it is deleted, and may be set again", async () => {
        const path = freshPath();
        expect(await store.getByPath(path)).toBeUndefined();
        for (const value of ["one", "two", "x".repeat(100_000), "y".repeat(150_000), "three"]) {
          await store.putByPath(path, value);
          expect(await (await open()).getByPath(path)).toBe(value);
        }
        await store.deleteByPath(path);
        await store.deleteByPath(path);
        expect(await store.getByPath(path)).toBeUndefined();
        await store.putByPath(path, "four");
        expect(await store.getByPath(path)).toBe("four");
        await store.deleteByPath(path);
        expect(await store.ensure(path, () => "five")).toBe("five");
      });

      test("is apart from what is put under a reference, and from paths below it", async () => {
        const path = freshPath();
        await store.put(path, "referred to");
        expect(await store.getByPath(path)).toBeUndefined();
        await store.putByPath(`${path}/below`, "below");
        expect(await store.getByPath(path)).toBeUndefined();
        await store.putByPath(path, "above");
        await store.deleteByPath(path);
        expect([await store.getByPath(path), await store.getByPath(`${path}/below`)]).toEqual([undefined, "below"]);
      });

      test.each([
        ["small", 16],
        ["large", 60_000],
      ])("gets one %s value from 20 that ensure it at once", async (_, bytes) => {
        const stores = [store, await open(), await open(), await open()];
        for (let round = 0; round < 3; round++) {
          const path = freshPath();
          const generate = (): string => randomBytes(bytes).toString("hex");
          const values = await Promise.all(Array.from({ length: 20 }, (__, index) => (stores[index % 4] ?? store).ensure(path, generate)));
          expect(new Set(values).size).toBe(1);
          expect(await store.getByPath(path)).toBe(values[0]);
          expect(await store.ensure(path, () => "other")).toBe(values[0]);
        }
      });

      test("always reads as the old value or the new one while it is replaced", async () => {
        const path = freshPath();
        const values = Array.from({ length: 8 }, (_, index) => String(index).repeat(index % 2 === 0 ? 10 : 70_000));
        await store.putByPath(path, "0".repeat(10));
        const reader = await open();
        let writing = true;
        const readings = (async () => {
          const seen: boolean[] = [];
          while (writing) seen.push(values.includes((await reader.getByPath(path)) ?? ""));
          return seen;
        })();
        for (const value of values) await store.putByPath(path, value);
        writing = false;
        const seen = await readings;
        expect(seen.length).toBeGreaterThan(0);
        expect(seen).not.toContain(false);
      });

      test("set by many at once has the value of one of them", async () => {
        const path = freshPath();
        const values = Array.from({ length: 10 }, (_, index) => `value ${index}`);
        await Promise.all(values.map((value) => store.putByPath(path, value)));
        expect(values).toContain(await store.getByPath(path));
      });

      test.each(["", "/", "a/", "/a", "a//b", "..", "a/../b", ".a", "a b", "a\u0000", "a\n", "é", "a%2fb", "a?b", "a#b", "a".repeat(513)])(
        "is not like %j",
        async (path) => {
          const methods = {
            put: () => store.put(path, "x"),
            getByPath: () => store.getByPath(path),
            putByPath: () => store.putByPath(path, "x"),
            deleteByPath: () => store.deleteByPath(path),
            ensure: () => store.ensure(path, () => "x"),
          };
          expect(new Set(Object.values(await codesOf(methods)))).toEqual(new Set(["invalid_path"]));
        },
      );
    });

    test("sweep deletes what no one refers to and was stored before, and nothing else", async () => {
      const [known, large, orphan] = [
        await store.put("a", "known"),
        await store.put("a", "k".repeat(100_000)),
        await store.put("a", "o".repeat(100_000)),
      ];
      const [path, largePath] = [freshPath(), freshPath()];
      await store.putByPath(path, "p");
      await store.putByPath(largePath, "p".repeat(100_000));
      const [longAgo, later] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
      expect(await store.sweep(new Set([known, large]), longAgo)).toBe(0);
      expect(await store.get(orphan)).toHaveLength(100_000);
      expect(await store.sweep(new Set([known, large]), later)).toBeGreaterThanOrEqual(1);
      expect([await store.get(known), (await store.get(large))?.length, await store.get(orphan)]).toEqual(["known", 100_000, undefined]);
      expect([await store.getByPath(path), (await store.getByPath(largePath))?.length]).toEqual(["p", 100_000]);
      expect(await store.sweep(new Set([known, large]), later)).toBe(0);
    });

    test("is healthy", async () => {
      await expect(store.healthcheck()).resolves.toBeUndefined();
    });

    describe.runIf(withFaults)("in trouble", () => {
      const faults = (): NonNullable<SecretStoreHarness["faults"]> => {
        if (harness.faults === undefined) throw new Error("this harness has no faults");
        return harness.faults;
      };

      test("does not return what was damaged, and says so without showing it", async () => {
        const [damaged, whole] = [await store.put("a", SENTINEL), await store.put("a", "whole")];
        await faults().damage(damaged);
        expect(await codesOf({ get: () => store.get(damaged) })).toEqual({ get: "damaged" });
        expect(await store.get(whole)).toBe("whole");
      });

      test("says that it is denied, from every method", async () => {
        const ref = await store.put("a", SENTINEL);
        await faults().deny();
        expect(await codesOf(everyMethod(ref))).toEqual(allOf("denied"));
        const opening: unknown = await harness.open().catch((error: unknown) => error);
        expect(opening).toMatchObject({
          name: "SecretStoreError",
          code: expect.stringMatching(/^(denied|master_key_unusable)$/) as string,
        });
      });

      test("says that it is not available, from every method", async () => {
        const ref = await store.put("a", SENTINEL);
        await faults().stop();
        expect(await codesOf(everyMethod(ref))).toEqual(allOf("unavailable"));
        const opening: unknown = await harness.open().catch((error: unknown) => error);
        expect(opening).toMatchObject({
          name: "SecretStoreError",
          code: expect.stringMatching(/^(unavailable|master_key_unusable)$/) as string,
        });
      });
    });
  });
}
