import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createStreamCipher } from "./stream-cipher.ts";

const cipher = createStreamCipher(randomBytes(32));

describe("stored events", () => {
  it("open to what was sealed, and never look the same twice", () => {
    const text = 'id: 1\nevent: delta\ndata: {"text":"é🙂"}\n\n';
    const [first, again] = [cipher.seal("str_a", text), cipher.seal("str_a", text)];
    expect(cipher.open("str_a", first)).toBe(text);
    expect(first.equals(again)).toBe(false);
    expect(first.includes("delta")).toBe(false);
  });

  it("open for their own stream and key only, and not with a byte changed", () => {
    const sealed = cipher.seal("str_a", "secret");
    expect(() => cipher.open("str_b", sealed)).toThrow(/unable to authenticate/);
    expect(() => createStreamCipher(randomBytes(32)).open("str_a", sealed)).toThrow(/unable to authenticate/);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => cipher.open("str_a", changed)).toThrow(/unable to authenticate/);
    }
  });
});
