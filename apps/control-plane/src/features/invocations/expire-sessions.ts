import type { SystemContext } from "../../context.ts";
import { deleteSession, listExpiredSessions } from "./store.ts";

/** Removes what runtimes keep of sessions that nobody used for the idle time. */
export async function expireSessions(context: SystemContext): Promise<void> {
  const now = context.now();
  for (const session of await listExpiredSessions(context.db, now)) {
    await context.providers[session.runtime_provider as "cloudflare" | "agentcore"]?.destroySession({
      userId: session.user_id,
      agentId: session.agent_id,
      providerSessionId: session.provider_session_id,
    });
    await deleteSession(context.db, session.id, now);
  }
}
