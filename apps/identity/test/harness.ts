import { createLogger } from "@whs/platform/log";
import { createTestDatabase } from "@whs/platform/testing";
import pg from "pg";
import { createIdentityApp } from "../src/app.ts";
import { readIdentityConfig } from "../src/config.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Record<string, unknown>;
}

export interface Call {
  method?: "GET" | "POST";
  json?: unknown;
  form?: Record<string, string>;
  headers?: Record<string, string>;
}

export interface IdentityHarness {
  url: string;
  databaseUrl: string;
  /** One request; redirects are not followed, no cookie is kept. */
  call(path: string, call?: Call): Promise<Answer>;
  /** A new user with a session. */
  signUp(): Promise<{ email: string; password: string; token: string }>;
  query(statement: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

let users = 0;

/** The identity server on a database of its own, listening on loopback. */
export async function startIdentity(environment: Record<string, string> = {}): Promise<IdentityHarness> {
  const database = await createTestDatabase();
  // The issuer is fixed in the tokens, so the address has a name before the port is known; tests call the real one.
  const config = readIdentityConfig({
    DATABASE_URL: database.url,
    BETTER_AUTH_SECRET: "a secret of the tests that has at least 32 characters",
    IDENTITY_PUBLIC_URL: "http://127.0.0.1:8786",
    ...environment,
  });
  const app = await createIdentityApp(config, createLogger({ name: "identity", level: "silent" }));
  const url = await app.server.listen({ host: "127.0.0.1", port: 0 });
  const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 2 });

  async function call(path: string, { method, json, form, headers = {} }: Call = {}): Promise<Answer> {
    const body = json === undefined ? form && new URLSearchParams(form).toString() : JSON.stringify(json);
    const contentType = json === undefined ? "application/x-www-form-urlencoded" : "application/json";
    const response = await fetch(`${url}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      redirect: "manual",
      headers: { ...(body === undefined ? {} : { "content-type": contentType }), ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
    return { status: response.status, headers: response.headers, text, json: isJson && text !== "" ? (JSON.parse(text) ?? {}) : {} };
  }

  return {
    url,
    databaseUrl: config.databaseUrl,
    call,
    async signUp() {
      users += 1;
      const email = `user-${users}@example.com`;
      const password = `password of user ${users}`;
      const { json } = await call("/api/auth/sign-up/email", { json: { email, password, name: `User ${users}` } });
      return { email, password, token: String(json.token) };
    },
    query: async (statement, values = []) => (await pool.query(statement, [...values])).rows,
    async stop() {
      await app.close();
      await pool.end();
      await database.drop();
    },
  };
}

export function bearer(token: string): { headers: { authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

/** The session cookie of an answer, as a browser would send it back. */
export function cookieOf(answer: Answer): string {
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";", 1)[0] ?? "")
    .join("; ");
}
