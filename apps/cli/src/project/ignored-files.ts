import ignore from "ignore";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** What never belongs into a bundle: keys and settings with secrets in them. */
const ALWAYS = [".env*", "!.env.example", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", "id_ecdsa*", ".npmrc", ".git/"];

/** Files of the project's own, from its root, that must not be bundled: the rules of `.gitignore` in `.whsignore`, and some that always hold. */
export function findIgnored(folder: string, files: readonly string[]): string[] {
  const rules = ignore().add(ALWAYS);
  const file = path.join(folder, ".whsignore");
  if (existsSync(file)) rules.add(readFileSync(file, "utf8"));
  return files.filter((name) => rules.ignores(name));
}
