import { decodeBase32, encodeBase32, SUFFIX_LENGTH } from "./base32.ts";

/** What an id's first letters say about what it names. */
export const idPrefixes = {
  agt: "agent",
  dep: "deployment",
  upl: "upload",
  usr: "user",
  trc: "trace",
  evt: "telemetry event",
  ses: "session",
  tok: "API token",
  ins: "install",
  req: "request",
  aud: "audit entry",
  lin: "log line",
  str: "invocation stream",
  sub: "subscription",
  lst: "listing",
  rel: "release",
  int: "install intent",
  pub: "publisher",
  img: "image",
  rpt: "report",
} as const;

export type IdPrefix = keyof typeof idPrefixes;
/** A TypeID: the prefix, an underscore and a UUIDv7 in 26 base32 digits. Clients treat it as opaque. */
export type Id<P extends IdPrefix = IdPrefix> = `${P}_${string}`;

/** Largest time that the 48 bits of a UUIDv7 hold, in epoch milliseconds. */
export const MAX_TIME_MS = 2 ** 48 - 1;

/** Text that is not an id where one is required. */
export class InvalidIdError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "InvalidIdError";
  }
}

export function formatId<P extends IdPrefix>(prefix: P, uuid: Uint8Array): Id<P> {
  return `${prefix}_${encodeBase32(uuid)}`;
}

/** The UUIDv7 in an id; undefined when the text is not `<prefix>_<UUIDv7>` in its only spelling. */
export function parseId(prefix: IdPrefix, text: string): Buffer | undefined {
  if (text.length !== prefix.length + 1 + SUFFIX_LENGTH || !text.startsWith(`${prefix}_`)) return undefined;
  const uuid = decodeBase32(text.slice(prefix.length + 1));
  return uuid !== undefined && isUuidV7(uuid) ? uuid : undefined;
}

/** RFC 9562, section 5.7: version 7 in the upper half of byte 6, variant 0b10 at the top of byte 8. */
function isUuidV7(uuid: Buffer): boolean {
  return uuid.readUInt8(6) >>> 4 === 7 && uuid.readUInt8(8) >>> 6 === 2;
}

export function isId<P extends IdPrefix>(prefix: P, text: unknown): text is Id<P> {
  return typeof text === "string" && parseId(prefix, text) !== undefined;
}

/**
 * When the id was made, in epoch milliseconds, as the UUIDv7 itself says.
 * @throws InvalidIdError when the text is no id of a known prefix.
 */
export function idTimeMs(id: string): number {
  const prefix = id.slice(0, Math.max(0, id.indexOf("_")));
  const uuid = Object.hasOwn(idPrefixes, prefix) ? parseId(prefix as IdPrefix, id) : undefined;
  if (uuid === undefined) throw new InvalidIdError("Cannot read the time of an id: the text is not an id.");
  return uuid.readUIntBE(0, 6);
}
