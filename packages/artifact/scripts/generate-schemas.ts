/** Writes the published JSON Schemas from the zod schemas: `node packages/artifact/scripts/generate-schemas.ts`. */
import { writeFile } from "node:fs/promises";
import { artifactJsonSchema } from "../src/contract/schema.ts";
import { agentManifestJsonSchema } from "../src/manifest-json-schema.ts";

for (const [name, schema] of [
  ["agent.config.v1.json", agentManifestJsonSchema()],
  ["artifact.v1.json", artifactJsonSchema()],
] as const)
  await writeFile(new URL(`../schemas/${name}`, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
