import { DurableObject, type Fetcher } from "cloudflare:workers";

/** What the trusted side knows of a deployment. The tenant's script could claim anything; this is what counts. */
export interface DeploymentRecord {
  userId: string;
  agentId: string;
  deploymentId: string;
  version: number;
  sessionful: boolean;
  checksum: string;
  /** Its script in the dispatch namespace. */
  script: string;
  secretsRevision: number;
  telemetry: { rootKeyId: string; keyVersion: number };
  /** False until its code was loaded once. */
  loaded: boolean;
}

export interface AgentRegistryStub extends Fetcher {
  find(deploymentId: string): Promise<DeploymentRecord | null>;
  list(): Promise<DeploymentRecord[]>;
  save(record: DeploymentRecord): Promise<void>;
  remove(deploymentId: string): Promise<void>;
}

/** One agent's deployments. An agent without any leaves nothing behind. */
export class AgentRegistry extends DurableObject {
  async find(deploymentId: string): Promise<DeploymentRecord | null> {
    return (await this.ctx.storage.get<DeploymentRecord>(deploymentId)) ?? null;
  }

  async list(): Promise<DeploymentRecord[]> {
    return [...(await this.ctx.storage.list<DeploymentRecord>({})).values()];
  }

  async save(record: DeploymentRecord): Promise<void> {
    await this.ctx.storage.put(record.deploymentId, record);
  }

  async remove(deploymentId: string): Promise<void> {
    await this.ctx.storage.delete(deploymentId);
    if ((await this.ctx.storage.list({ limit: 1 })).size === 0) await this.ctx.storage.deleteAll();
  }
}
