import { randomBytes } from "node:crypto";
import type { AwsEntries } from "./aws-entries.ts";
import { damaged, decodeRecord, encodeRecord } from "./record.ts";

/** A secret there may have 65,536 bytes. So many are that in base64, whichever of the two the service counts. */
export const PART_BYTES = 48 * 1024;
/** A value of 256 KiB and its path make 6. */
const MAX_PARTS = 9;
const HANDLE = /^([0-9a-f]{32}):([1-9])$/;

/** Says which record, and in how many parts: `<id>:<number>`. */
export type RecordHandle = string;

/** Records in as many entries as they need: `<folder>/<id>`, `<folder>/<id>.2`, … */
export class AwsRecords {
  readonly #entries: AwsEntries;
  readonly #folder: string;

  constructor(entries: AwsEntries, folder: string) {
    this.#entries = entries;
    this.#folder = folder;
  }

  async write(path: string, value: string): Promise<RecordHandle> {
    const id = randomBytes(16).toString("hex");
    const record = encodeRecord(`${this.#folder}/${id}`, path, value);
    const handle = `${id}:${Math.ceil(record.length / PART_BYTES)}`;
    try {
      for (const [index, place] of this.#places(handle).entries())
        await this.#entries.create(place, path, record.subarray(index * PART_BYTES, (index + 1) * PART_BYTES));
    } catch (error) {
      // What cannot be removed now is an orphan without a reference, and sweep finds it.
      await Promise.allSettled([this.delete(handle, undefined)]);
      throw error;
    }
    return handle;
  }

  async read(handle: RecordHandle): Promise<string | undefined> {
    const parts: Buffer[] = [];
    const places = this.#places(handle);
    for (const place of places) {
      const part = await this.#entries.read(place);
      if (part === undefined) {
        // A deletion removes the first part first; without it the secret is deleted, without another it is damaged.
        if (place === places[0] || (await this.#entries.read(places[0] ?? "")) === undefined) return undefined;
        throw damaged(place);
      }
      parts.push(part);
    }
    return decodeRecord(places[0] ?? "", Buffer.concat(parts));
  }

  async delete(handle: RecordHandle, recoveryDays: number | undefined): Promise<void> {
    for (const place of this.#places(handle)) await this.#entries.delete(place, recoveryDays);
  }

  /** @returns how many records it deleted. */
  async sweep(known: ReadonlySet<RecordHandle>, olderThan: Date, recoveryDays: number | undefined): Promise<number> {
    const knownIds = new Set([...known].map(idOf));
    const swept = new Set<string>();
    for await (const { place, createdAt } of this.#entries.list(`${this.#folder}/`)) {
      const id = /^([0-9a-f]{32})(?:\.[2-9])?$/.exec(place.slice(this.#folder.length + 1))?.[1];
      if (id === undefined || knownIds.has(id) || createdAt >= olderThan) continue;
      await this.#entries.delete(place, recoveryDays);
      swept.add(id);
    }
    return swept.size;
  }

  #places(handle: RecordHandle): string[] {
    const count = Math.min(MAX_PARTS, Number(HANDLE.exec(handle)?.[2] ?? 0));
    return Array.from({ length: count }, (_, index) => `${this.#folder}/${idOf(handle)}${index === 0 ? "" : `.${index + 1}`}`);
  }
}

export function isRecordHandle(text: string): text is RecordHandle {
  return HANDLE.test(text);
}

function idOf(handle: RecordHandle): string {
  return handle.slice(0, 32);
}
