import { open } from "node:fs/promises";
import { registerSecretValue, unregisterSecretValue } from "../log/index.ts";
import { SecretStoreError } from "./port.ts";

/** Batch tokens and those of agents' sinks stay far below. */
const MAX_TOKEN_BYTES = 16 * 1024;
const TOKEN = /^[\x21-\x7e]+$/;

/**
 * The token in a file, as an agent's sink or a mounted secret keeps it. It is read again when the server refuses it, so
 * that whoever owns the file may replace it at any time. No log line of this process shows it.
 */
export class BaoToken {
  readonly #file: string;
  #value: string;

  private constructor(file: string, value: string) {
    this.#file = file;
    this.#value = value;
    registerSecretValue(value);
  }

  /** @throws SecretStoreError `denied` when there is no token to read. */
  static async open(file: string): Promise<BaoToken> {
    return new BaoToken(file, await readToken(file));
  }

  get value(): string {
    return this.#value;
  }

  /** @returns whether the file holds another token by now. */
  async reread(): Promise<boolean> {
    const value = await readToken(this.#file);
    if (value === this.#value) return false;
    registerSecretValue(value);
    unregisterSecretValue(this.#value);
    this.#value = value;
    return true;
  }

  close(): void {
    unregisterSecretValue(this.#value);
  }
}

async function readToken(path: string): Promise<string> {
  const content = await readBounded(path);
  const token = content.toString("utf8").trim();
  if (content.length > MAX_TOKEN_BYTES || !TOKEN.test(token))
    throw new SecretStoreError("denied", `The file ${path} (WHS_SECRETS_TOKEN_FILE) must hold one token and nothing else.`);
  return token;
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const file = await open(path, "r");
    try {
      const buffer = Buffer.alloc(MAX_TOKEN_BYTES + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new SecretStoreError("denied", `Cannot read the token file ${path} (WHS_SECRETS_TOKEN_FILE).`, { cause: error });
  }
}
