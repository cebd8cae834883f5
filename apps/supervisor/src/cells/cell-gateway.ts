import { Pool } from "undici";
import type { Heartbeat, StorageRoom } from "@whs/runtimes/cell";

/** The supervisor's own requests to a cell, over the socket that invocations use. */
export class CellGateway {
  private readonly pool: Pool;

  constructor(socketPath: string) {
    this.pool = new Pool("http://cell", { socketPath, connections: 4, pipelining: 1 });
  }

  async heartbeat({ leftBytes, asOf }: StorageRoom, signal: AbortSignal): Promise<Heartbeat> {
    const { body } = await this.pool.request({ method: "GET", path: `/heartbeat?left=${leftBytes}&asOf=${asOf}`, signal });
    return (await body.json()) as Heartbeat;
  }

  /** Loads a version once. The text is the shim's answer, or a failure. */
  async inspect(loadId: string, timeoutMs: number): Promise<{ ok: boolean; text: string }> {
    const { statusCode, body } = await this.pool.request({
      method: "POST",
      path: `/inspect/${encodeURIComponent(loadId)}`,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { ok: statusCode === 200, text: await body.text() };
  }

  /** From now on it sends whoever asks away. */
  drain(signal: AbortSignal): Promise<void> {
    return this.command("/drain", signal);
  }

  /** The next invocation asks for a ticket again. */
  forget(deploymentId: string): Promise<void> {
    return this.command(`/forget/${deploymentId}`);
  }

  destroySession(agentId: string, sessionId: string): Promise<void> {
    return this.command(`/destroy-session/${agentId}/${encodeURIComponent(sessionId)}`);
  }

  destroyObject(agentId: string, objectId: string): Promise<void> {
    return this.command(`/destroy-object/${agentId}/${objectId}`);
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }

  private async command(path: string, signal = AbortSignal.timeout(30_000)): Promise<void> {
    const { statusCode, body } = await this.pool.request({ method: "POST", path, signal });
    await body.dump();
    if (statusCode !== 204) throw new Error(`The cell answered ${statusCode} to ${path}.`);
  }
}
