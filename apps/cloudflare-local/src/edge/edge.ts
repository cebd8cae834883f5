/** Runs uploaded scripts as Cloudflare does: by name, in the version that is current, with the bindings of their metadata. */
import { type CellContext, WorkerEntrypoint } from "cloudflare:workers";
import type { EdgeEnv } from "./env.ts";
import { currentVersion, loadVersion } from "./loads.ts";
import {
  MISSING_HEADER,
  nameKey,
  type ObjectClass,
  type Probe,
  SCRIPT_HEADER,
  type ScriptName,
  type ServiceEntrypoint,
} from "./protocol.ts";

export { LocalObject } from "./local-object.ts";

/** Behind the stand-in of a dispatch namespace. */
export class Dispatch extends WorkerEntrypoint<EdgeEnv, { namespace: string }> {
  async fetch(request: Request): Promise<Response> {
    const headers = new Headers(request.headers);
    const name = headers.get(SCRIPT_HEADER) ?? "";
    headers.delete(SCRIPT_HEADER);
    const version = await currentVersion(this.env, { namespace: this.ctx.props.namespace, script: name });
    if (version === null) return new Response(null, { status: 404, headers: { [MISSING_HEADER]: "1" } });
    const script = loadVersion(this.env, this.ctx, version).getEntrypoint();
    return kept(this.ctx, script.fetch(new Request(request, { headers }), { signal: request.signal }));
  }
}

/** Behind a binding to another Worker of the account. Requests alone: it offers no methods. */
export class Service extends WorkerEntrypoint<EdgeEnv, ServiceEntrypoint> {
  async fetch(request: Request): Promise<Response> {
    const { script, entrypoint } = this.ctx.props;
    const version = await currentVersion(this.env, { namespace: null, script });
    if (version === null) throw new Error("Worker not found.");
    const worker = loadVersion(this.env, this.ctx, version).getEntrypoint(entrypoint);
    return kept(this.ctx, worker.fetch(request, { signal: request.signal }));
  }
}

/** Objects that may hold something and were written down as such. */
const noted = new Set<string>();

/** Behind the stand-in of a namespace of Durable Objects. */
export class Objects extends WorkerEntrypoint<EdgeEnv, ObjectClass> {
  async callObject(name: string, method: string, args: readonly unknown[]): Promise<unknown> {
    const { props } = this.ctx;
    const id = this.env.OBJECTS.idFromName(`${nameKey(props)}/${props.className}/${name}`);
    if (!noted.has(id.toString())) {
      const response = await this.env.CONTROL.fetch(`http://control/objects/${nameKey(props)}/${id.toString()}`, { method: "PUT" });
      if (!response.ok) throw new Error(`The control socket answered ${response.status} for an object.`);
      noted.add(id.toString());
    }
    return this.env.OBJECTS.get(id).run(props, method, args);
  }
}

interface TailProps {
  name: ScriptName;
  tags: readonly string[];
  consumers: readonly string[];
}
interface RawTailEvent {
  eventTimestamp: number | null;
  outcome: string;
  event: { request?: { url: string; method: string; headers: Readonly<Record<string, string>> } } | null;
  logs: readonly { timestamp: number; level: string; message: unknown }[];
  exceptions: readonly { timestamp: number; name: string; message: string; stack?: string }[];
}
interface TailConsumer {
  deliver(events: readonly unknown[]): Promise<void>;
}

/** Hands a script's events to its tail Workers, with what Cloudflare adds: whose they are. */
export class LogTail extends WorkerEntrypoint<EdgeEnv, TailProps> {
  tail(events: readonly RawTailEvent[]): void {
    const { name, tags, consumers } = this.ctx.props;
    const items = events.map(({ eventTimestamp, outcome, event, logs, exceptions }) => ({
      scriptName: name.script,
      dispatchNamespace: name.namespace ?? undefined,
      scriptTags: [...tags],
      eventTimestamp,
      outcome,
      event: event?.request === undefined ? null : { request: plainRequest(event.request) },
      logs: logs.map(({ timestamp, level, message }) => ({ timestamp, level, message })),
      exceptions: exceptions.map(({ timestamp, name: error, message, stack }) => ({ timestamp, name: error, message, stack })),
    }));
    for (const script of consumers) this.ctx.waitUntil(this.deliver(script, items));
  }

  private async deliver(script: string, items: readonly unknown[]): Promise<void> {
    const version = await currentVersion(this.env, { namespace: null, script });
    if (version === null) return;
    const consumer = loadVersion(this.env, this.ctx, version).getEntrypoint("CfLocalTail") as unknown as TailConsumer;
    await consumer.deliver(items);
  }
}

function plainRequest({ url, method, headers }: { url: string; method: string; headers: Readonly<Record<string, string>> }) {
  return { url, method, headers: { ...headers } };
}

/** For this server alone, on its own socket. */
export class Admin extends WorkerEntrypoint<EdgeEnv> {
  async fetch(request: Request): Promise<Response> {
    const [, verb, argument = ""] = new URL(request.url).pathname.split("/");
    if (verb === "heartbeat") return new Response(null, { status: 204 });
    if (verb === "probe") return Response.json(await this.probe(argument));
    if (verb === "erase") {
      await this.env.OBJECTS.get(this.env.OBJECTS.idFromString(argument)).erase();
      noted.delete(argument);
      return new Response(null, { status: 204 });
    }
    return new Response(null, { status: 404 });
  }

  private async probe(version: string): Promise<Probe> {
    try {
      const response = await loadVersion(this.env, this.ctx, version).getEntrypoint("CfLocalProbe").fetch("http://probe/");
      return { started: true, exports: (await response.json()) as string[] };
    } catch (error) {
      return { started: false, error: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** Requests from outside: the first label of the host names a Worker that has an address; one that stands alone needs no name. */
export default {
  async fetch(request: Request, env: EdgeEnv, context: CellContext): Promise<Response> {
    const [label = ""] = new URL(request.url).hostname.split(".");
    const response = await env.CONTROL.fetch(`http://control/published/${label}`);
    const body = await response.text();
    if (!response.ok) return new Response("There is no Worker at this address.\n", { status: 404 });
    const { version } = JSON.parse(body) as { version: string };
    const worker = loadVersion(env, context, version).getEntrypoint();
    return kept(context, worker.fetch(request, { signal: request.signal }));
  },
};

/** Goes on past a caller that leaves, so that the script is told of it before anything is taken down. */
function kept<T>(context: Pick<CellContext, "waitUntil">, answer: Promise<T>): Promise<T> {
  context.waitUntil(answer.catch(() => undefined));
  return answer;
}
