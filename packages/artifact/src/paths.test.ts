import fc from "fast-check";
import { expect, test } from "vitest";
import { BundleError } from "./archive/bundle-error.ts";
import { checkPath, foldPath, MAX_PATH_BYTES, MAX_PATH_DEPTH, PathSet } from "./paths.ts";

test.each([
  ["src/agent.ts", "src/agent.ts"],
  ["./src/agent.ts", "src/agent.ts"],
  ["././src/", "src"],
  [".", ""],
  ["./", ""],
  [".env", ".env"],
  ["..data/x", "..data/x"],
  ["__MACOSX/._agent.ts", "__MACOSX/._agent.ts"],
  ["n".repeat(255), "n".repeat(255)],
  [`${"d/".repeat(31)}f`, `${"d/".repeat(31)}f`],
])("%s is taken as %s", (name, path) => {
  expect(checkPath(name)).toEqual({ ok: true, path });
});

test.each([
  ["./C:/x", "PATH_DRIVE_LETTER"],
  [".//etc/passwd", "PATH_ABSOLUTE"],
  ["./../x", "PATH_TRAVERSAL"],
])("what %s hides behind its ./ is refused", (name, code) => {
  expect(checkPath(name)).toMatchObject({ ok: false, code });
});

test("an empty name is refused", () => {
  expect(checkPath("")).toMatchObject({ ok: false, code: "PATH_EMPTY" });
});

test("a lone surrogate is refused", () => {
  expect(checkPath("a\ud800")).toMatchObject({ ok: false, code: "PATH_NOT_UTF8" });
});

test("whatever is accepted is relative, bounded, and stays inside when it is joined", () => {
  const part = fc.oneof(
    fc.constantFrom("..", ".", "", "a", "C:", "\\", "/", "./", "\u0000", "é"),
    fc.string({ unit: "binary", maxLength: 6 }),
  );
  const names = fc.array(part, { maxLength: 40 }).chain((parts) => fc.constantFrom("/", "").map((separator) => parts.join(separator)));
  fc.assert(
    fc.property(names, (name) => {
      const checked = checkPath(name);
      if (!checked.ok) return;
      const segments = checked.path === "" ? [] : checked.path.split("/");
      expect(segments.every((segment) => segment !== "" && segment !== "." && segment !== ".." && !/[\p{Cc}\\]/u.test(segment))).toBe(true);
      expect(segments.length).toBeLessThanOrEqual(MAX_PATH_DEPTH);
      expect(Buffer.byteLength(checked.path)).toBeLessThanOrEqual(MAX_PATH_BYTES);
      expect(new URL(`file:///root/${segments.map(encodeURIComponent).join("/")}`).pathname.startsWith("/root/")).toBe(true);
      expect(checkPath(checked.path).ok).toBe(checked.path !== "");
    }),
    { numRuns: 5_000 },
  );
});

test("folding is idempotent and blind to case and Unicode form", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (name) => {
      const folded = foldPath(name);
      expect(foldPath(folded)).toBe(folded);
      expect(foldPath(name.toLowerCase())).toBe(folded);
      expect(foldPath(name.normalize("NFD"))).toBe(folded);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  ["ẞ", "ss"],
  ["ﬁ", "FI"],
  ["ΟΔΟΣ", "οδος"],
  ["Å", "\u212b"],
])("%s and %s are one name", (a, b) => {
  expect(foldPath(a)).toBe(foldPath(b));
});

test("a directory may be named twice, and after a file in it", () => {
  const paths = new PathSet();
  paths.add("a/b/c.ts", "file");
  paths.add("a/b", "directory");
  paths.add("a/b", "directory");
  expect(() => paths.add("A/x.ts", "file")).toThrow(BundleError);
});
