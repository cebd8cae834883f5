import { DurableObject, type DurableObjectClass, type Fetcher } from "cloudflare:workers";
import type { EdgeEnv } from "./env.ts";
import { currentVersion, loadVersion } from "./loads.ts";
import type { ObjectClass } from "./protocol.ts";

export interface LocalObjectStub extends Fetcher {
  run(target: ObjectClass, method: string, args: readonly unknown[]): Promise<unknown>;
  erase(): Promise<void>;
}
type Facet = Fetcher & Record<string, (...args: readonly unknown[]) => Promise<unknown>>;

const FACET = "object";

/** One Durable Object of a script: its class runs as a facet with a database of its own, in the version that is current. */
export class LocalObject extends DurableObject<EdgeEnv> {
  private version: string | null = null;

  async run(target: ObjectClass, method: string, args: readonly unknown[]): Promise<unknown> {
    const version = await currentVersion(this.env, target);
    if (version === null) throw new Error(`The script ${target.script}, which implements ${target.className}, is gone.`);
    if (this.version !== version) {
      // An upload replaces the code of objects that run, as it does on Cloudflare.
      this.ctx.facets.abort(FACET, new Error("The script was replaced."));
      this.version = version;
    }
    const start = (): { class: DurableObjectClass } => ({
      class: loadVersion(this.env, this.ctx, version).getDurableObjectClass(target.className),
    });
    const call = this.ctx.facets.get<Facet>(FACET, start)[method];
    if (call === undefined) throw new TypeError(`${target.className} has no method ${method}.`);
    return call(...args);
  }

  async erase(): Promise<void> {
    this.ctx.facets.delete(FACET);
    await this.ctx.storage.deleteAll();
  }
}
