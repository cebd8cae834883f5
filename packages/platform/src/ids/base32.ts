/** Crockford's alphabet in lower case, as the TypeID specification 0.3 demands. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Length of the text that stands for 128 bits: 26 digits of 5 bits, of which the first holds only 3. */
export const SUFFIX_LENGTH = 26;

const DIGITS = new Int8Array(128).fill(-1);
for (let value = 0; value < ALPHABET.length; value++) DIGITS[ALPHABET.charCodeAt(value)] = value;

/** 16 bytes as 26 digits, most significant first. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let pending = 0;
  // 130 bits are written for 128, so two zero bits come first.
  let pendingBits = 2;
  for (let i = 0; i < 16; i++) {
    pending = (pending << 8) | (bytes[i] ?? 0);
    pendingBits += 8;
    while (pendingBits >= 5) {
      pendingBits -= 5;
      text += ALPHABET[(pending >>> pendingBits) & 31];
    }
    pending &= (1 << pendingBits) - 1;
  }
  return text;
}

/** The 16 bytes behind 26 digits; undefined for anything that `encodeBase32` does not write. */
export function decodeBase32(text: string): Buffer | undefined {
  if (text.length !== SUFFIX_LENGTH) return undefined;
  const bytes = Buffer.allocUnsafe(16);
  let pending = 0;
  let pendingBits = -2;
  let length = 0;
  for (let i = 0; i < SUFFIX_LENGTH; i++) {
    const digit = DIGITS[text.charCodeAt(i)] ?? -1;
    if (digit < 0 || (i === 0 && digit > 7)) return undefined;
    pending = (pending << 5) | digit;
    pendingBits += 5;
    if (pendingBits >= 8) {
      pendingBits -= 8;
      bytes[length++] = pending >>> pendingBits;
      pending &= (1 << pendingBits) - 1;
    }
  }
  return bytes;
}
