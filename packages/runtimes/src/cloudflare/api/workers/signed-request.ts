/** Signatures by WebCrypto, as `@whs/platform/signatures` makes and checks them on Node. */

export type HmacKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const encoder = new TextEncoder();
/** How far a signed time may be from ours: as everywhere in the system. */
const TOLERANCE_MS = 5 * 60_000;
const SOURCE = "gateway";

export const SIGNATURE_HEADERS = {
  source: "x-whs-delegation-source",
  timestamp: "x-whs-delegation-timestamp",
  signature: "x-whs-delegation-signature",
} as const;

export async function importHmacKey(bytes: Uint8Array<ArrayBuffer>, usage: "sign" | "verify"): Promise<HmacKey> {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [usage]);
}

/** Whether a gateway signed exactly this request, just now. The comparison is the runtime's own, in constant time. */
export async function isSignedByGateway(
  request: Request,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  keys: readonly string[],
): Promise<boolean> {
  const timestamp = request.headers.get(SIGNATURE_HEADERS.timestamp) ?? "";
  const signature = /^v2=([0-9a-f]{64})$/.exec(request.headers.get(SIGNATURE_HEADERS.signature) ?? "")?.[1];
  if (signature === undefined || request.headers.get(SIGNATURE_HEADERS.source) !== SOURCE) return false;
  if (!/^[1-9][0-9]{0,14}$/.test(timestamp) || Math.abs(Date.now() - Number(timestamp)) > TOLERANCE_MS) return false;
  const signed = signedBytes({ timestamp, source: SOURCE, method: request.method, path }, body);
  for (const key of keys) {
    const imported = await importHmacKey(Uint8Array.fromHex(key), "verify");
    if (await crypto.subtle.verify("HMAC", imported, Uint8Array.fromHex(signature), signed)) return true;
  }
  return false;
}

/** The headers of a request that we sign. */
export async function signedHeaders(
  keyHex: string,
  context: { source: string; method: string; path: string },
  body: string,
): Promise<Record<string, string>> {
  const timestamp = String(Date.now());
  const key = await importHmacKey(Uint8Array.fromHex(keyHex), "sign");
  const signature = await crypto.subtle.sign("HMAC", key, signedBytes({ timestamp, ...context }, encoder.encode(body)));
  return {
    [SIGNATURE_HEADERS.source]: context.source,
    [SIGNATURE_HEADERS.timestamp]: timestamp,
    [SIGNATURE_HEADERS.signature]: `v2=${new Uint8Array(signature).toHex()}`,
  };
}

function signedBytes(
  { timestamp, source, method, path }: { timestamp: string; source: string; method: string; path: string },
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const prefix = encoder.encode(`${timestamp}.${source}.${method} ${path}.`);
  const bytes = new Uint8Array(prefix.length + body.length);
  bytes.set(prefix);
  bytes.set(body, prefix.length);
  return bytes;
}
