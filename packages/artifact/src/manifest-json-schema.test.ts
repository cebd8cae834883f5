import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { agentManifestJsonSchema } from "./manifest-json-schema.ts";

test("the published JSON Schema is the current one; run scripts/generate-schemas.ts after a change", async () => {
  const published = await readFile(new URL("../schemas/agent.config.v1.json", import.meta.url), "utf8");
  expect(JSON.parse(published)).toEqual(agentManifestJsonSchema());
});
