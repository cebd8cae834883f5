/**
 * The script that holds one agent's sessions, and no code of its author's. Scripts in a dispatch namespace have no address
 * of their own: only the dispatch Worker can send it a request.
 */
import type { DurableObjectNamespace } from "cloudflare:workers";
import { SESSIONS_BINDING } from "./env.ts";
import type { SessionObjectStub } from "./session-object.ts";

export { Session } from "./session-object.ts";

type SessionsEnv = Record<typeof SESSIONS_BINDING, DurableObjectNamespace<SessionObjectStub>>;

export default {
  /** `DELETE /{sessionId}` */
  async fetch(request: Request, env: SessionsEnv): Promise<Response> {
    if (request.method !== "DELETE") return new Response(null, { status: 405 });
    const sessionId = decodeURIComponent(new URL(request.url).pathname.slice(1));
    const sessions = env[SESSIONS_BINDING];
    await sessions.get(sessions.idFromName(sessionId)).destroy();
    return new Response(null, { status: 204 });
  },
};
