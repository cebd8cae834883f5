import { DurableObject, type DurableObjectClass, type Fetcher } from "cloudflare:workers";
import { CLOSED, LOAD_HEADER, SESSION_CLASS, STREAM_URL } from "./answers.ts";
import type { CellEnv } from "./env.ts";
import { loadWorker } from "./loads.ts";
import type { Write } from "./session-store.ts";

const FACET = "agent";

export interface SessionStub extends Fetcher {
  apply(loadId: string, writes: readonly Write[]): Promise<void>;
  destroy(): Promise<void>;
  /** Always rejects: the object is gone before it could answer. */
  close(): Promise<never>;
}
interface Facet extends Fetcher {
  apply(writes: readonly Write[]): Promise<void>;
}

/**
 * One session: the trusted owner of its identity, which runs the agent's class as a facet with a database of its own.
 * The owner stores nothing itself.
 */
export class Session extends DurableObject<CellEnv> {
  private loadId: string | null = null;
  private running = 0;
  private idle: (() => void)[] = [];

  async fetch(request: Request): Promise<Response> {
    const facet = await this.facet(request.headers.get(LOAD_HEADER) ?? "");
    if (request.url !== STREAM_URL) return this.counted(() => facet.fetch(request));
    return this.countedToItsEnd(await this.counted(() => facet.fetch(request)));
  }

  async apply(loadId: string, writes: readonly Write[]): Promise<void> {
    const facet = await this.facet(loadId);
    await this.counted(() => facet.apply(writes));
  }

  async destroy(): Promise<void> {
    this.ctx.facets.delete(FACET);
    await this.ctx.storage.deleteAll();
  }

  /** Closes the database's files, so that the supervisor can remove them. */
  close(): void {
    this.ctx.abort(CLOSED);
  }

  /** A running facet keeps its class, so another version of the code must wait for what runs, and then replace it. */
  private async facet(loadId: string): Promise<Facet> {
    while (this.loadId !== loadId && this.running > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    if (this.loadId !== loadId) {
      // An object that was evicted while idle starts anew without knowing what its facet, which may live on, still runs.
      this.ctx.facets.abort(FACET, new Error("Another version of the agent took over."));
      this.loadId = loadId;
    }
    const start = (): { class: DurableObjectClass } => ({
      class: loadWorker(this.env, this.ctx, loadId).getDurableObjectClass(SESSION_CLASS),
    });
    return this.ctx.facets.get<Facet>(FACET, start);
  }

  /** An agent that streams runs on after its response has begun. */
  private countedToItsEnd(response: Response): Response {
    if (response.body === null) return response;
    const { readable, writable } = new TransformStream();
    const { body } = response;
    this.ctx.waitUntil(this.counted(() => body.pipeTo(writable)));
    return new Response(readable, response);
  }

  private async counted<T>(run: () => Promise<T>): Promise<T> {
    this.running += 1;
    try {
      return await run();
    } finally {
      this.running -= 1;
      if (this.running === 0) for (const wake of this.idle.splice(0)) wake();
    }
  }
}
