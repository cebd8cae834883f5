import { WhsClient } from "@whs/api";
import type { Endpoints } from "../processes.ts";
import { randomBytes } from "node:crypto";

export interface Person {
  email: string;
  jwt: string;
  client: WhsClient;
}

/** Signs up at the embedded identity service as a script does, over HTTP alone. */
export async function signUp(endpoints: Endpoints): Promise<Person> {
  const email = `${randomBytes(6).toString("hex")}@example.com`;
  const signedUp = await fetch(`${endpoints.identity}/api/auth/sign-up/email`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: "correct horse battery", name: "Ada" }),
  });
  if (!signedUp.ok) throw new Error(`Sign-up answers ${signedUp.status}: ${await signedUp.text()}`);
  const cookie = signedUp.headers
    .getSetCookie()
    .map((header) => header.split(";", 1)[0])
    .join("; ");
  const answer = await fetch(`${endpoints.identity}/api/auth/token`, { headers: { cookie } });
  const { token } = (await answer.json()) as { token: string };
  return { email, jwt: token, client: new WhsClient({ baseUrl: endpoints.whs ?? "", token }) };
}
