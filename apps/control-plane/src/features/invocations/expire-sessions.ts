import { ProviderError } from "@whs/runtimes";
import type { SystemContext } from "../../context.ts";
import { deleteSession, listExpiredSessions } from "./session-store.ts";

/** Pages of one run; what is left waits for the next one. */
const MAX_PAGES = 50;

/** Removes what runtimes keep of sessions that nobody used for the idle time. One that cannot be removed now holds up no other. */
export async function expireSessions(context: Pick<SystemContext, "db" | "now" | "providers" | "log">): Promise<void> {
  const now = context.now();
  let after: { expires_at: Date; id: string } | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const sessions = await listExpiredSessions(context.db, now, after);
    for (const session of sessions) {
      try {
        await context.providers[session.runtime_provider]?.destroySession({
          userId: session.user_id,
          agentId: session.agent_id,
          providerSessionId: session.provider_session_id,
        });
        await deleteSession(context.db, session.id, now);
      } catch (error) {
        if (!(error instanceof ProviderError) || !error.retryable) throw error;
        context.log.warn({ err: error, agentId: session.agent_id }, "Cannot remove an expired session now");
      }
    }
    after = sessions.at(-1);
    if (after === undefined) return;
  }
}
