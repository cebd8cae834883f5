/** Writes the published JSON Schemas from the zod schemas: `node packages/artifact/scripts/generate-schemas.ts`. */
import { writeFile } from "node:fs/promises";
import { agentManifestJsonSchema } from "../src/manifest-json-schema.ts";

const target = new URL("../schemas/agent.config.v1.json", import.meta.url);
await writeFile(target, `${JSON.stringify(agentManifestJsonSchema(), null, 2)}\n`);
