import { ProviderError } from "../port.ts";
import { rendezvous } from "./placement.ts";
import { foundSchema, type Health, healthSchema } from "./protocol.ts";
import { SupervisorClient, SupervisorUnreachable } from "./supervisor-client.ts";

/** One supervisor. */
export interface DataPlaneNode {
  /** Its address: the same in every process that places tenants. */
  readonly name: string;
  readonly client: SupervisorClient;
}

interface KnownNode extends DataPlaneNode {
  live: boolean;
}

/** How soon a node that was away is noticed to be back. */
const LOOK_AGAIN_MS = 500;
const MAX_KNOWN_TENANTS = 100_000;

/**
 * The supervisors of an installation, and which of them serves a tenant. With `shared` storage any can serve any: the best by
 * rendezvous hashing of those that live, and a lock keeps two from doing it at once. With storage of their own a tenant stays
 * where its deployments and sessions are; a new one goes to the best of all nodes, whether it lives or not, since it would
 * look for its sessions there the next time.
 */
export class Nodes {
  private readonly nodes: readonly KnownNode[];
  private readonly shared: boolean;
  private readonly onReturn: () => void;
  /** With storage of their own: where each tenant is. */
  private readonly homes = new Map<string, KnownNode>();
  private looking: NodeJS.Timeout | null = null;
  private ready: Promise<void> | null = null;
  private closed = false;

  /** `onReturn`: a node is back, and tenants that belong to it may go home. */
  constructor(socketPaths: readonly string[], shared: boolean, onReturn: () => void) {
    this.nodes = socketPaths.map((path) => ({ name: path, client: new SupervisorClient(path), live: true }));
    this.shared = shared;
    this.onReturn = onReturn;
  }

  /**
   * Runs `work` on the node that serves the tenant. What a node is asked may be asked again, so that it goes to the next one
   * if the first is away.
   * @throws ProviderError `transient` when the node that the tenant needs is away.
   */
  async onNodeOf<T>(userId: string, work: (node: SupervisorClient) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const node = await this.nodeOf(userId);
      try {
        return await work(node.client);
      } catch (error) {
        if (!(error instanceof SupervisorUnreachable)) throw error;
        this.lost(node);
        if (!this.shared || tries > this.nodes.length) throw error;
      }
    }
  }

  /** Where the tenant belongs now. */
  async nodeOf(userId: string): Promise<DataPlaneNode> {
    const [only] = this.nodes;
    if (this.nodes.length === 1 && only !== undefined) return only;
    await (this.ready ??= this.look());
    const order = rendezvous(this.nodes, userId);
    const node = this.shared ? order.find(({ live }) => live) : await this.homeOf(userId, order);
    if (node === undefined) throw new ProviderError("transient", "The data plane cannot be reached.", { reached: false });
    return node;
  }

  /** A node that can tell about all, for what is the same everywhere. */
  get any(): DataPlaneNode {
    const node = this.nodes.find(({ live }) => live) ?? this.nodes[0];
    if (node === undefined) throw new Error("There is no supervisor.");
    return node;
  }

  async health(): Promise<{ healthy: boolean; detail: string }> {
    const answers = await Promise.all(this.nodes.map((node) => this.healthOf(node)));
    const [first] = answers;
    if (this.nodes.length === 1 && first !== undefined)
      return first instanceof ProviderError ? { healthy: false, detail: first.message } : first;
    const live = answers.filter((answer): answer is Health => !(answer instanceof ProviderError));
    if (this.shared && new Set(live.map(({ storage }) => storage)).size > 1)
      return { healthy: false, detail: "The supervisors are said to share their storage, but have several." };
    return {
      healthy: live.length > 0,
      detail: `${live.length} of ${this.nodes.length} nodes: ${live.map(({ detail }) => detail).join("; ")}`,
    };
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.looking !== null) clearTimeout(this.looking);
    await Promise.all(this.nodes.map(({ client }) => client.close()));
  }

  /** With storage of their own: the node that has the tenant, or the one that is to have it. */
  private async homeOf(userId: string, order: readonly KnownNode[]): Promise<KnownNode> {
    const known = this.homes.get(userId);
    const home = known ?? (await this.find(userId)) ?? order[0];
    if (home?.live !== true) throw new ProviderError("transient", "The node that keeps this account's agents is away.", { reached: false });
    if (this.homes.size >= MAX_KNOWN_TENANTS) this.homes.clear();
    this.homes.set(userId, home);
    return home;
  }

  private async find(userId: string): Promise<KnownNode | undefined> {
    const answers = await Promise.all(
      this.nodes
        .filter(({ live }) => live)
        .map(async (node) => {
          try {
            return (await node.client.read(foundSchema, "POST", "/tenants/find", { userId })).here ? node : undefined;
          } catch (error) {
            if (!(error instanceof SupervisorUnreachable)) throw error;
            this.lost(node);
            return undefined;
          }
        }),
    );
    return answers.find((node) => node !== undefined);
  }

  private lost(node: DataPlaneNode): void {
    const known = this.nodes.find((other) => other === node);
    if (known === undefined || this.nodes.length === 1) return;
    known.live = false;
    this.lookAgain();
  }

  private lookAgain(): void {
    if (this.looking !== null || this.closed) return;
    this.looking = setTimeout(() => {
      this.looking = null;
      void this.look();
    }, LOOK_AGAIN_MS);
    this.looking.unref();
  }

  /** Asks every node that is not known to live; comes back as long as one is away. */
  private async look(): Promise<void> {
    const first = this.ready === null;
    const away = this.nodes.filter(({ live }) => first || !live);
    const storages = await Promise.all(
      away.map(async (node) => {
        const answer = await this.healthOf(node);
        node.live = !(answer instanceof ProviderError);
        return answer instanceof ProviderError ? null : answer.storage;
      }),
    );
    if (this.closed) return;
    if (first && this.shared && new Set(storages.filter((storage) => storage !== null)).size > 1) {
      this.ready = null;
      throw new ProviderError("transient", "The supervisors are said to share their storage, but have several.", { reached: false });
    }
    if (!first && away.some(({ live }) => live)) this.onReturn();
    if (this.nodes.some(({ live }) => !live)) this.lookAgain();
  }

  private async healthOf(node: DataPlaneNode): Promise<Health | ProviderError> {
    try {
      return await node.client.read(healthSchema, "GET", "/health");
    } catch (error) {
      if (error instanceof ProviderError) return error;
      throw error;
    }
  }
}
