/** A person at the embedded identity service, over HTTP as a script does it. */
import { WhsClient } from "@whs/api";
import type { Endpoints } from "./processes.ts";

export interface Credentials {
  email: string;
  password: string;
}

export interface Person {
  email: string;
  jwt: string;
  client: WhsClient;
}

/** @throws Error with what the service answers, such as that the address is taken */
export function signUpAs(endpoints: Endpoints, { name, ...credentials }: Credentials & { name: string }): Promise<Person> {
  return enter(endpoints, "sign-up", { ...credentials, name });
}

export function signIn(endpoints: Endpoints, credentials: Credentials): Promise<Person> {
  return enter(endpoints, "sign-in", credentials);
}

async function enter(endpoints: Endpoints, door: "sign-up" | "sign-in", body: Credentials & { name?: string }): Promise<Person> {
  const entered = await fetch(`${endpoints.identity}/api/auth/${door}/email`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!entered.ok) throw new Error(`${door} of ${body.email} answers ${entered.status}: ${await entered.text()}`);
  const cookie = entered.headers
    .getSetCookie()
    .map((header) => header.split(";", 1)[0])
    .join("; ");
  const answer = await fetch(`${endpoints.identity}/api/auth/token`, { headers: { cookie } });
  const { token } = (await answer.json()) as { token: string };
  return { email: body.email, jwt: token, client: new WhsClient({ baseUrl: endpoints.whs ?? "", token }) };
}
