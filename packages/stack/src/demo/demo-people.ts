import { createToken } from "@whs/api";
import { PRIVATE_FILE_MODE } from "@whs/platform/durable-files";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { type Credentials, type Person, signIn, signUpAs } from "../identity.ts";
import type { Stack } from "../stack.ts";

/** Somebody of the demonstration, who may do everything that an account may. */
export interface DemoPerson extends Credentials, Person {
  /** An API token of a day. */
  token: string;
}

const known = z.record(z.string(), z.string());
const tokenMs = 86_400_000;

/** Signs somebody in, whose password is kept in `demo.json` of the data directory, or up the first time. */
export async function demoPerson({ endpoints, dataDir }: Pick<Stack, "endpoints" | "dataDir">, name: string): Promise<DemoPerson> {
  const email = `${name.toLowerCase()}@example.com`;
  const file = path.join(dataDir, "demo.json");
  const passwords = await readPasswords(file);
  const kept = passwords[email];
  const password = kept ?? randomBytes(9).toString("base64url");
  // Kept before it is used: a start that was interrupted in between would lock the account.
  if (kept === undefined)
    await writeFile(file, `${JSON.stringify({ ...passwords, [email]: password }, null, 2)}\n`, { mode: PRIVATE_FILE_MODE });
  const person =
    kept === undefined
      ? await signUpAs(endpoints, { email, password, name })
      : await signIn(endpoints, { email, password }).catch(() => signUpAs(endpoints, { email, password, name }));
  const { secret } = await person.client.call(createToken, {
    body: { name: `demo ${randomBytes(3).toString("hex")}`, expiresAt: new Date(Date.now() + tokenMs).toISOString() },
  });
  return { ...person, password, token: secret };
}

async function readPasswords(file: string): Promise<Record<string, string>> {
  try {
    return known.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new Error(`${file} cannot be read; delete it to begin with new accounts.`, { cause: error });
  }
}
