import { expect, test } from "vitest";
import { missingEntries, type LockFile } from "./complete-lock.ts";

function lockOf(optionalDependencies: Record<string, string>, present: LockFile["packages"] = {}): LockFile {
  return { packages: { "node_modules/tool": { version: "1.0.0", dev: true, optionalDependencies }, ...present } };
}

test("an optional package that the lock file does not name gets an entry with its platform", () => {
  expect(
    missingEntries(lockOf({ "@tool/binding-linux-arm64-musl": "1.2.3", "@tool/darwin-64": "1.2.3", "@tool/windows-x64": "1.2.3" })),
  ).toEqual({
    "node_modules/@tool/binding-linux-arm64-musl": {
      version: "1.2.3",
      cpu: ["arm64"],
      dev: true,
      libc: ["musl"],
      optional: true,
      os: ["linux"],
    },
    "node_modules/@tool/darwin-64": { version: "1.2.3", cpu: ["x64"], dev: true, optional: true, os: ["darwin"] },
    "node_modules/@tool/windows-x64": { version: "1.2.3", cpu: ["x64"], dev: true, optional: true, os: ["win32"] },
  });
});

test("one that is named, at the top or inside the package, gets none", () => {
  const optional = { "@tool/linux-x64": "1.2.3" };
  for (const location of ["node_modules/@tool/linux-x64", "node_modules/tool/node_modules/@tool/linux-x64"]) {
    expect(missingEntries(lockOf(optional, { [location]: { version: "1.2.3" } }))).toEqual({});
  }
});

test("what cannot be known is refused, not guessed", () => {
  expect(() => missingEntries(lockOf({ "@tool/linux-x64": "^1.2.3" }))).toThrow("not one version");
  expect(() => missingEntries(lockOf({ "@tool/extra": "1.2.3" }))).toThrow("does not say its platform");
});
