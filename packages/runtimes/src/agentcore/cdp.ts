/** As much of Chromium's DevTools protocol as it takes to drive one page. */
import { Agent, WebSocket } from "undici";
import { z } from "zod";
import { ToolFailure } from "./tool-failure.ts";

/** Of one message, in bytes: a picture, or a page's text. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Loads that are remembered in case somebody asks for them. */
const MAX_LOADED = 1_000;

const messageSchema = z.object({
  id: z.number().optional(),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ message: z.string() }).optional(),
  method: z.string().optional(),
  sessionId: z.string().optional(),
  params: z.object({ name: z.unknown(), loaderId: z.unknown() }).partial().optional(),
});

interface Waiting {
  resolve: (result: Record<string, unknown>) => void;
  reject: (error: Error) => void;
}

export class Cdp {
  private readonly socket: WebSocket;
  private readonly dispatcher: Agent;
  private readonly waiting = new Map<number, Waiting>();
  private readonly loads = new Set<string>();
  private readonly onLoad = new Map<string, Waiting>();
  private last = 0;
  private broken: Error | null = null;

  private constructor(socket: WebSocket, dispatcher: Agent) {
    this.socket = socket;
    this.dispatcher = dispatcher;
    socket.addEventListener("message", ({ data }) => this.take(data));
    socket.addEventListener("close", () => this.fail(new Error("The browser's connection has ended.")));
  }

  /** @throws Error when it is refused or not there in time. */
  static connect(url: string, headers: Record<string, string>, timeoutMs: number): Promise<Cdp> {
    const dispatcher = new Agent({ webSocket: { maxPayloadSize: MAX_MESSAGE_BYTES } });
    const socket = new WebSocket(url, { headers, dispatcher });
    return new Promise((resolve, reject) => {
      const refused = (reason: string): void => {
        clearTimeout(timer);
        void dispatcher.destroy();
        reject(new Error(reason));
      };
      const timer = setTimeout(() => refused("The browser did not take the connection in time."), timeoutMs);
      socket.addEventListener("error", () => refused("The browser refused the connection."));
      socket.addEventListener("open", () => {
        clearTimeout(timer);
        resolve(new Cdp(socket, dispatcher));
      });
    });
  }

  /** @throws ToolFailure with what the browser says. */
  send(method: string, params: Record<string, unknown>, sessionId?: string): Promise<Record<string, unknown>> {
    if (this.broken !== null) return Promise.reject(this.broken);
    const id = this.post(method, params, sessionId);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  /** When a navigation's page has loaded. */
  async loaded(loaderId: string): Promise<void> {
    if (this.broken !== null) throw this.broken;
    if (this.loads.has(loaderId)) return;
    await new Promise((resolve, reject) => this.onLoad.set(loaderId, { resolve, reject }));
  }

  close(): void {
    this.fail(new Error("The browser is closed."));
    this.socket.close();
    void this.dispatcher.destroy();
  }

  private post(method: string, params: Record<string, unknown>, sessionId: string | undefined): number {
    this.last += 1;
    const id = this.last;
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    return id;
  }

  private take(data: unknown): void {
    let message;
    try {
      message = messageSchema.parse(JSON.parse(String(data)));
    } catch {
      return this.fail(new Error("The browser says what nobody understands."));
    }
    const { id, result, error, method, params, sessionId } = message;
    if (id !== undefined) {
      const order = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) order?.resolve(result ?? {});
      else order?.reject(new ToolFailure(`The browser refuses: ${error.message.slice(0, 500)}`));
    } else if (method === "Page.lifecycleEvent" && params?.name === "load" && typeof params.loaderId === "string")
      this.hasLoaded(params.loaderId);
    // A page that waits for a person would wait for ever.
    else if (method === "Page.javascriptDialogOpening") this.post("Page.handleJavaScriptDialog", { accept: false }, sessionId);
  }

  private hasLoaded(loaderId: string): void {
    if (this.loads.size >= MAX_LOADED) this.loads.clear();
    this.loads.add(loaderId);
    this.onLoad.get(loaderId)?.resolve({});
    this.onLoad.delete(loaderId);
  }

  private fail(error: Error): void {
    this.broken ??= error;
    for (const { reject } of [...this.waiting.values(), ...this.onLoad.values()]) reject(error);
    this.waiting.clear();
    this.onLoad.clear();
  }
}
