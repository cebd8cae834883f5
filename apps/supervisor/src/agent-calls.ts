/** Brings calls of agents by agents to the control plane, which alone knows whom an invocation may call. */
import type { Logger } from "@whs/platform/log";
import { AGENT_CALLS_PATH, type AgentCallOutcome, CALL_TOKEN_HEADER, readOutcome, unreachable } from "@whs/runtimes";
import type { AgentCallOrder } from "@whs/runtimes/cell";
import { Pool } from "undici";

export interface AgentCallsOptions {
  apiUrl: string;
  logger: Logger;
}

export class AgentCalls {
  private readonly options: AgentCallsOptions;
  private readonly path: string;
  /** As many connections as calls, each of which takes as long as the called agent; the control plane ends it in time. */
  private readonly pool: Pool;

  constructor(options: AgentCallsOptions) {
    this.options = options;
    const { origin, pathname } = new URL(options.apiUrl + AGENT_CALLS_PATH);
    this.path = pathname;
    this.pool = new Pool(origin, { pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** @param ended aborts when nobody waits for the outcome any more */
  async carryOut({ token, call }: AgentCallOrder, ended: AbortSignal): Promise<AgentCallOutcome> {
    try {
      const { body } = await this.pool.request({
        method: "POST",
        path: this.path,
        headers: { "content-type": "application/json", [CALL_TOKEN_HEADER]: token },
        body: JSON.stringify(call ?? null),
        signal: ended,
      });
      return readOutcome(await body.text());
    } catch (error) {
      if (!ended.aborted) this.options.logger.warn({ err: error }, "An agent's call did not reach the control plane");
      return unreachable;
    }
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}
