import { randomBytes } from "node:crypto";
import { type Person, signUpAs } from "../identity.ts";
import type { Endpoints } from "../processes.ts";

export { type Person, signIn } from "../identity.ts";

/** Somebody whom nobody else is. */
export function signUp(endpoints: Endpoints): Promise<Person> {
  return signUpAs(endpoints, { email: `${randomBytes(6).toString("hex")}@example.com`, password: "correct horse battery", name: "Ada" });
}
