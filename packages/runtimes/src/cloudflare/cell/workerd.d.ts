/** The parts of workerd's own modules that the cell's workers use. */
declare module "cloudflare:workers" {
  export class WorkerEntrypoint<Env = unknown, Props = unknown> {
    protected readonly env: Env;
    protected readonly ctx: CellContext<Props>;
  }
  export class DurableObject<Env = unknown, Props = unknown> {
    constructor(ctx: DurableObjectContext<Props>, env: Env);
    protected readonly env: Env;
    protected readonly ctx: DurableObjectContext<Props>;
  }

  export interface CellContext<Props = unknown> {
    readonly props: Props;
    /** Entrypoints that this worker exports, each ready to be given properties that only we can set. */
    readonly exports: Readonly<Record<string, (options: { props: unknown }) => Fetcher>>;
    waitUntil(promise: Promise<unknown>): void;
  }
  export interface DurableObjectContext<Props = unknown> extends CellContext<Props> {
    readonly storage: DurableObjectStorage;
    readonly facets: {
      get<T = Fetcher>(name: string, start: () => { class: DurableObjectClass } | Promise<{ class: DurableObjectClass }>): T;
      abort(name: string, reason: Error): void;
      delete(name: string): void;
    };
    abort(reason: string): void;
  }
  export interface DurableObjectClass {
    readonly brand: "DurableObjectClass";
  }
  export interface DurableObjectOperations {
    get<T>(key: string): Promise<T | undefined>;
    put<T>(key: string, value: T): Promise<void>;
    delete(key: string): Promise<boolean>;
    list<T>(options: { prefix?: string; start?: string; end?: string; reverse?: boolean; limit?: number }): Promise<Map<string, T>>;
  }
  export interface DurableObjectStorage extends DurableObjectOperations {
    deleteAll(): Promise<void>;
    readonly sql: { readonly databaseSize: number };
    transaction<R>(run: (transaction: DurableObjectOperations) => Promise<R>): Promise<R>;
  }

  export interface Fetcher {
    fetch(input: string | Request, init?: RequestInit & { duplex?: "half" }): Promise<Response>;
  }
  export interface DurableObjectId {
    toString(): string;
  }
  export interface DurableObjectNamespace<Stub extends Fetcher> {
    idFromName(name: string): DurableObjectId;
    idFromString(hex: string): DurableObjectId;
    get(id: DurableObjectId): Stub;
  }
  export interface WorkerLoader {
    get(id: string, code: () => WorkerCode | Promise<WorkerCode>): LoadedWorker;
  }
  export interface LoadedWorker {
    getEntrypoint(name?: string, options?: { props: unknown }): Fetcher;
    getDurableObjectClass(name: string): DurableObjectClass;
  }
  export interface WorkerCode {
    compatibilityDate: string;
    compatibilityFlags: readonly string[];
    mainModule: string;
    modules: Readonly<Record<string, LoaderModule>>;
    env: Readonly<Record<string, unknown>>;
    globalOutbound: Fetcher | null;
    tails: readonly Fetcher[];
  }
  export type LoaderModule = { js: string } | { text: string } | { json: unknown } | { data: ArrayBuffer } | { wasm: ArrayBuffer };
}

/** Stands beside the tenant's modules: what the dispatcher gave to the shim. */
declare module "whs-port" {
  import type { AgentCallOutcome } from "@whs/agent/runtime";
  export const port: {
    apply(token: string, writes: readonly unknown[]): Promise<void>;
    callAgent(key: string, call: unknown): Promise<AgentCallOutcome>;
  };
}

/** Generated beside the tenant's modules: the entrypoint's namespace under a fixed name. */
declare module "whs-agent" {
  export const agent: Readonly<Record<string, unknown>>;
}
