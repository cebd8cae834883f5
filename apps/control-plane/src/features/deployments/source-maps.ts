/** Stack traces of agents speak of the joined module; these turn their places into those of the author's own files. */
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { BlobStore } from "@whs/platform/blobs";
import { Readable } from "node:stream";
import { type BoundedCache, createBoundedCache } from "../../bounded-cache.ts";
import type { SystemContext } from "../../context.ts";
import { deploymentIdsOf } from "./store.ts";

/** Where a deployment's source map is kept. */
const sourceMapKey = (deploymentId: string): string => `source-maps/${deploymentId}.json`;

/** A larger one is not kept: places then stay those of the joined module. */
const MAX_SOURCE_MAP_BYTES = 16 * 1024 * 1024;

/** `agent.js:12:34`, as V8 writes places in stack traces, with whatever path the runtime puts before it. */
const PLACE = /(?:[\w.:/-]*\/)?agent\.js:(\d{1,9}):(\d{1,9})/g;

export interface SourceMaps {
  /** The message with all places it names as the author knows them; unchanged where nothing is known of them. */
  translate(deploymentId: string, message: string): Promise<string>;
}

export function createSourceMaps(): (blobs: BlobStore) => SourceMaps {
  const known: BoundedCache<TraceMap | null> = createBoundedCache({ maxEntries: 32, maxAgeMs: 10 * 60_000 });
  return (blobs) => ({
    async translate(deploymentId, message) {
      if (!message.includes("agent.js:")) return message;
      let map = known.get(deploymentId);
      if (map === undefined) {
        map = await readSourceMap(blobs, deploymentId);
        known.set(deploymentId, map);
      }
      return map === null ? message : translated(map, message);
    },
  });
}

async function readSourceMap(blobs: BlobStore, deploymentId: string): Promise<TraceMap | null> {
  const key = sourceMapKey(deploymentId);
  if (!(await blobs.exists(key))) return null;
  const chunks: Buffer[] = [];
  for await (const chunk of await blobs.openRead(key)) chunks.push(chunk as Buffer);
  return new TraceMap(Buffer.concat(chunks).toString("utf8"));
}

function translated(map: TraceMap, message: string): string {
  return message.replaceAll(PLACE, (place, line: string, column: string) => {
    // V8 counts columns from 1, source maps from 0.
    const found = originalPositionFor(map, { line: Number(line), column: Math.max(0, Number(column) - 1) });
    if (found.source === null) return place;
    return `${found.source.replace(/^(?:\.\.\/)+/, "")}:${found.line}:${found.column + 1}`;
  });
}

export async function keepSourceMap(blobs: BlobStore, deploymentId: string, sourceMap: string): Promise<void> {
  const bytes = Buffer.from(sourceMap);
  if (bytes.length > MAX_SOURCE_MAP_BYTES) return;
  await blobs.write(sourceMapKey(deploymentId), Readable.from([bytes]), { maxBytes: MAX_SOURCE_MAP_BYTES });
}

/** Of all deployments of a deleted agent. Idempotent. */
export async function deleteSourceMaps({ db, blobs }: Pick<SystemContext, "db" | "blobs">, agentId: string): Promise<void> {
  for (const id of await deploymentIdsOf(db, agentId)) await blobs.delete(sourceMapKey(id));
}
