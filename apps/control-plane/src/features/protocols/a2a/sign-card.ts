import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

/** A JSON Web Signature in its flattened form, without the payload: the card itself is it. */
interface CardSignature {
  protected: string;
  signature: string;
}

export interface CardSigner {
  /** @param jku where the public key can be had */
  sign(card: object, jku: string): CardSignature;
  /** The public key as a JSON Web Key Set. */
  jwks: { keys: readonly object[] };
}

/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key in PKCS #8. */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** @param seed 32 secret bytes, the same at every gateway */
export function createCardSigner(seed: Buffer): CardSigner {
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: "der", type: "pkcs8" });
  const { crv, kty, x } = createPublicKey(privateKey).export({ format: "jwk" });
  // RFC 7638: the hash of the members that make up the key, in this order.
  const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x })).digest("base64url");
  return {
    sign(card, jku) {
      const header = encode(JSON.stringify({ alg: "EdDSA", typ: "JOSE", kid, jku }));
      const signature = sign(null, Buffer.from(`${header}.${encode(canonical(card))}`), privateKey);
      return { protected: header, signature: signature.toString("base64url") };
    },
    jwks: { keys: [{ kty, crv, x, kid, alg: "EdDSA", use: "sig" }] },
  };
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** RFC 8785, for values that JSON can bear: members are sorted by the UTF-16 units of their names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
