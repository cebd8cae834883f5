import { randomBytes } from "node:crypto";

/** Invocations of a stateless agent that one container runs at once; agents wait more than they compute. */
const MAX_AT_ONCE = 10;
/** A container that was idle for so long may be gone; asking for it starts another, so that this is only about tidiness. */
const MAX_IDLE_MS = 10 * 60_000;
const MAX_DEPLOYMENTS = 10_000;

interface WarmSession {
  id: string;
  running: number;
  usedAt: number;
}

export interface SessionLease {
  id: string;
  /** `broken`: nobody shall use the container again. */
  end(outcome: "usable" | "broken"): void;
}

/** Stateless agents have no session, AgentCore has nothing else: containers are shared by a deployment's invocations. */
export class WarmSessions {
  private readonly byDeployment = new Map<string, WarmSession[]>();

  lease(deploymentId: string): SessionLease {
    const sessions = this.sessionsOf(deploymentId);
    const now = Date.now();
    for (const idle of sessions.filter(({ running, usedAt }) => running === 0 && now - usedAt > MAX_IDLE_MS)) drop(sessions, idle);
    let session = sessions.find(({ running }) => running < MAX_AT_ONCE);
    if (session === undefined) {
      session = { id: randomBytes(32).toString("hex"), running: 0, usedAt: now };
      sessions.push(session);
    }
    session.running += 1;
    return this.leaseOf(sessions, session);
  }

  forget(deploymentId: string): void {
    this.byDeployment.delete(deploymentId);
  }

  private leaseOf(sessions: WarmSession[], session: WarmSession): SessionLease {
    let open = true;
    return {
      id: session.id,
      end(outcome) {
        if (!open) return;
        open = false;
        session.running -= 1;
        session.usedAt = Date.now();
        if (outcome === "broken") drop(sessions, session);
      },
    };
  }

  private sessionsOf(deploymentId: string): WarmSession[] {
    const known = this.byDeployment.get(deploymentId);
    if (known !== undefined) return known;
    if (this.byDeployment.size >= MAX_DEPLOYMENTS) {
      for (const [id, sessions] of this.byDeployment) if (sessions.every(({ running }) => running === 0)) this.byDeployment.delete(id);
    }
    const made: WarmSession[] = [];
    this.byDeployment.set(deploymentId, made);
    return made;
  }
}

function drop(sessions: WarmSession[], session: WarmSession): void {
  const index = sessions.indexOf(session);
  if (index >= 0) sessions.splice(index, 1);
}
