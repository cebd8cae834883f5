import { readFileSync } from "node:fs";
import { z } from "zod";

/** Of this process since it started, whatever is installed over it meanwhile. */
export const { version: ownVersion } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")));
