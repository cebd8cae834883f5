/** The public APIs in the name of whoever looks at the page. Everything that a page shows or does goes through here. */
import { ApiError, type CallInput, type Endpoint, type FieldError, type ReceivedOf, type StreamedEvent, WhsClient } from "@whs/api";
import { data, redirect, type RouterContextProvider } from "react-router";
import { appContext, sessionContext } from "./context.ts";
import { paths } from "./paths.ts";
import type { Problem } from "./problem.ts";
import type { Session } from "./session/sessions.ts";

/** What a loader or an action is given. */
export interface PageArgs {
  request: Request;
  context: Readonly<RouterContextProvider>;
}

export type Attempt<T> = { ok: true; answer: T } | { ok: false; problem: Problem };

const TIMEOUT_MS = 30_000;
/** An API that refuses a token so fresh refuses every one: sending the person around again would never end. */
const FRESH_SIGN_IN_MS = 30_000;

export class Api {
  readonly #client: WhsClient;
  readonly #traceId: string;
  readonly #onUnauthenticated: (error: ApiError) => never;

  constructor(client: WhsClient, traceId: string, onUnauthenticated: (error: ApiError) => never) {
    this.#client = client;
    this.#traceId = traceId;
    this.#onUnauthenticated = onUnauthenticated;
  }

  /** For loaders: any error of the API becomes the page (404, 403, "not available" …), a missing sign-in leads there. */
  async call<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<ReceivedOf<E>> {
    try {
      return await this.#send(endpoint, input);
    } catch (error) {
      if (error instanceof ApiError) throw data(problemOf(error), { status: statusOf(error) });
      throw error;
    }
  }

  /** For actions, and for loaders that show something beside the problem. */
  async attempt<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<Attempt<ReceivedOf<E>>> {
    try {
      return { ok: true, answer: await this.#send(endpoint, input) };
    } catch (error) {
      if (error instanceof ApiError) return { ok: false, problem: problemOf(error) };
      throw error;
    }
  }

  /** Server-sent events, for resource routes that pass them on. @throws ApiError */
  stream<E extends Endpoint>(endpoint: E, input: CallInput<E>): AsyncGenerator<StreamedEvent> {
    return this.#client.stream(endpoint, { traceId: this.#traceId, ...input });
  }

  async #send<E extends Endpoint>(endpoint: E, input: CallInput<E>): Promise<ReceivedOf<E>> {
    try {
      return await this.#client.call(endpoint, { traceId: this.#traceId, ...input });
    } catch (error) {
      if (error instanceof ApiError && error.code === "UNAUTHENTICATED") this.#onUnauthenticated(error);
      throw error;
    }
  }
}

/** WHS as the signed-in person. Throws a redirect to the sign-in where nobody is. */
export function apiOf(args: PageArgs): Api {
  const { config, traceId, address } = args.context.get(appContext);
  const session = requireSession(args);
  return new Api(clientOf(config.whsUrl, address, session), traceId, refused(args, session));
}

/** FleetPrompt as the signed-in person, or as a visitor. Throws a 404 page where the installation has none. */
export function marketplaceOf(args: PageArgs): Api {
  const { config, traceId, address } = args.context.get(appContext);
  if (config.fleetpromptUrl === undefined) throw data(null, { status: 404 });
  const session = sessionOf(args);
  return new Api(clientOf(config.fleetpromptUrl, address, session ?? undefined), traceId, refused(args, session));
}

/** Null for visitors. */
export function sessionOf({ context }: Pick<PageArgs, "context">): Session | null {
  return context.get(sessionContext);
}

export function requireSession(args: PageArgs): Session {
  const session = sessionOf(args);
  if (session === null) throw redirect(paths.signIn(pageOf(args.request)));
  return session;
}

/** Every request says whose it is, which counts where this server is a trusted proxy. */
function clientOf(baseUrl: string, address: string, session: Session | undefined): WhsClient {
  return new WhsClient({
    baseUrl,
    ...(session === undefined ? {} : { token: session.token }),
    fetch: (input, init) => {
      // Streams end when the person leaves; everything else must answer in time.
      const signal = init?.signal ?? AbortSignal.timeout(TIMEOUT_MS);
      const headers = new Headers(init?.headers);
      headers.set("x-forwarded-for", address);
      return fetch(input, { ...init, headers, signal });
    },
  });
}

function refused(args: PageArgs, session: Session | null): (error: ApiError) => never {
  return (error) => {
    const fresh = session !== null && Date.now() - session.signedInAt < FRESH_SIGN_IN_MS;
    if (fresh) throw data(problemOf(error), { status: 502 });
    throw redirect(paths.signIn(pageOf(args.request)));
  };
}

/** The page that the person is at; for a form its own page, where the answer would have been shown. */
function pageOf(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return `${pathname}${search}`;
}

export function problemOf({ code, message, traceId, retryable, details }: ApiError): Problem {
  const fields = Array.isArray(details["fields"]) ? (details["fields"] as FieldError[]) : [];
  return {
    code,
    message,
    traceId,
    retryable,
    fields: Object.fromEntries(fields.map((field) => [field.fieldName, field.message])),
    details,
  };
}

/** HTTP status of a page that has nothing to show but the problem. */
function statusOf(error: ApiError): number {
  return error.status >= 400 ? error.status : 503;
}
