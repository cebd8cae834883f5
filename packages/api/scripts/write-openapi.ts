// Writes openapi.json from the endpoint values; with --check it only says whether the committed file is current.
import { readFileSync, writeFileSync } from "node:fs";
import { openApiDocument, protocolEndpoints, whsApiInfo, whsEndpoints } from "../src/index.ts";

const file = new URL("../openapi.json", import.meta.url);
const current = `${JSON.stringify(openApiDocument({ ...whsEndpoints, ...protocolEndpoints }, whsApiInfo), null, 2)}\n`;
if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== current) {
    process.stderr.write("packages/api/openapi.json is not current: run node packages/api/scripts/write-openapi.ts\n");
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, current);
}
