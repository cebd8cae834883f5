/** Carries out what an agent asks of AgentCore's tools, here on the trusted side: no credentials enter a container, and counts are ours. */
import {
  type BedrockAgentCoreClient,
  type CodeInterpreterResult,
  InvokeCodeInterpreterCommand,
  type InvokeCodeInterpreterCommandInput,
  StartCodeInterpreterSessionCommand,
  StopCodeInterpreterSessionCommand,
} from "@aws-sdk/client-bedrock-agentcore";
import { z } from "zod";
import type { InvokeInput, ToolGrant } from "../port.ts";
import { BrowserSession } from "./browser-session.ts";
import type { ToolName, ToolOutcome } from "./protocol.ts";
import { ToolFailure, unlessAborted } from "./tool-failure.ts";

/** What is metered. */
export interface ToolFigures {
  toolCalls: number;
  /** Those of them that were for the browser. */
  browserCalls: number;
  /** Between asking for each execution and its answer, by our clock. */
  codeExecutionSeconds: number;
  browserSessions: number;
}

/** The interpreter that every account has. */
const INTERPRETER = { codeInterpreterIdentifier: "aws.codeinterpreter.v1" };
const MAX_TIMEOUT_SECONDS = 300;
/** Of what is done with a page. */
const MAX_PAGE_SECONDS = 120;
const MAX_CODE = 1024 * 1024;
/** Of files in one order, in bytes. */
const MAX_FILES = 8 * 1024 * 1024;
/** Characters of each of an execution's outputs. */
const MAX_TEXT = 1024 * 1024;
const START_MS = 60_000;
/** Of an order that runs no code. */
const FILES_MS = 60_000;
const SCREENSHOT_SECONDS = 30;
const STOP_MS = 10_000;
const STOP_TRIES = 3;
/** A session that nobody could stop ends by itself so long after its invocation. */
const SPARE_SECONDS = 60;

const pathSchema = z.string().min(1).max(1024);
const orderSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("run"),
    language: z.enum(["python", "javascript", "typescript"]),
    code: z.string().min(1).max(MAX_CODE),
    timeoutSeconds: z.number().positive().max(MAX_TIMEOUT_SECONDS),
  }),
  z.object({
    kind: z.literal("writeFiles"),
    files: z
      .array(z.object({ path: pathSchema, base64: z.base64() }))
      .min(1)
      .max(100),
  }),
  z.object({ kind: z.literal("readFiles"), paths: z.array(pathSchema).min(1).max(100) }),
  z.object({
    kind: z.literal("open"),
    url: z.url({ protocol: /^https?$/ }).max(8192),
    timeoutSeconds: z.number().positive().max(MAX_PAGE_SECONDS),
  }),
  z.object({
    kind: z.literal("evaluate"),
    expression: z.string().min(1).max(MAX_CODE),
    timeoutSeconds: z.number().positive().max(MAX_PAGE_SECONDS),
  }),
  z.object({ kind: z.literal("screenshot") }),
]);
type Order = z.output<typeof orderSchema>;
type RunOrder = Extract<Order, { kind: "run" }>;

type PageOrder = Extract<Order, { kind: "open" | "evaluate" | "screenshot" }>;

/** The tools of one invocation. A tool's session begins with its first order and is always stopped. */
export class ToolUse {
  readonly names: readonly ToolName[];
  private readonly client: BedrockAgentCoreClient;
  private readonly left: ToolGrant["left"];
  private readonly sessionSeconds: number;
  private readonly ending = new AbortController();
  private session: Promise<string> | null = null;
  /** Of the session before. */
  private sessionEnd: Promise<void> = Promise.resolve();
  private queue: Promise<unknown> = Promise.resolve();
  private calls = 0;
  private browserCalls = 0;
  private readonly browser: BrowserSession;
  private executedMs = 0;
  private executingSince: number | null = null;
  private stopping: Promise<void> | null = null;

  constructor(
    client: BedrockAgentCoreClient,
    { codeInterpreter, browser, left }: ToolGrant,
    { timeoutMs }: Pick<InvokeInput, "timeoutMs">,
  ) {
    this.client = client;
    this.left = left;
    this.names = [...(codeInterpreter ? (["codeInterpreter"] as const) : []), ...(browser ? (["browser"] as const) : [])];
    this.sessionSeconds = Math.ceil(timeoutMs / 1000) + SPARE_SECONDS;
    this.browser = new BrowserSession(client, this.sessionSeconds, left.browserSessions);
  }

  /** One order after the other, as the session takes them; never throws. */
  carryOut(order: unknown): Promise<ToolOutcome> {
    const parsed = orderSchema.safeParse(order);
    if (!parsed.success) return Promise.resolve({ ok: false, message: `The tool was called wrongly: ${problemOf(parsed.error)}` });
    const outcome = this.queue.then(() => this.outcomeOf(parsed.data));
    this.queue = outcome;
    return outcome;
  }

  /** What was used until now, an execution that still runs included. */
  figures(): ToolFigures {
    const runningMs = this.executingSince === null ? 0 : performance.now() - this.executingSince;
    return {
      toolCalls: this.calls,
      browserCalls: this.browserCalls,
      codeExecutionSeconds: Math.round(this.executedMs + runningMs) / 1000,
      browserSessions: this.browser.started,
    };
  }

  /** Ends what runs and stops the session. Idempotent; never throws. */
  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.ending.abort();
    this.endExecution();
    await Promise.all([this.endSession(), this.browser.end()]);
  }

  private async outcomeOf(order: Order): Promise<ToolOutcome> {
    try {
      if (this.ending.signal.aborted) throw new ToolFailure("The invocation has ended.");
      if (this.calls >= this.left.toolCalls) throw new ToolFailure("The plan's tool calls for this month are used up.");
      if (!this.names.includes(toolOf(order))) throw new ToolFailure("The agent may not use this tool.");
      this.calls += 1;
      return { ok: true, value: await this.valueOf(order) };
    } catch (error) {
      return { ok: false, message: error instanceof ToolFailure ? error.message : `The tool failed (${nameOf(error)}); try again.` };
    }
  }

  private async valueOf(order: Order): Promise<unknown> {
    switch (order.kind) {
      case "run":
        return this.run(order);
      case "writeFiles": {
        const content = order.files.map(({ path, base64 }) => ({ path, blob: Buffer.from(base64, "base64") }));
        checkSize(content.map(({ blob }) => blob));
        successful(await this.invoke("writeFiles", { content }, FILES_MS));
        return null;
      }
      case "readFiles":
        return filesOf(order.paths, successful(await this.invoke("readFiles", { paths: order.paths }, FILES_MS)));
      case "open":
      case "evaluate":
      case "screenshot":
        return this.usePage(order);
    }
  }

  private async usePage(order: PageOrder): Promise<unknown> {
    this.browserCalls += 1;
    const seconds = order.kind === "screenshot" ? SCREENSHOT_SECONDS : order.timeoutSeconds;
    const signal = this.ending.signal;
    await unlessAborted(this.browser.ready(), signal);
    const late = AbortSignal.timeout(Math.ceil(seconds * 1000));
    try {
      return await unlessAborted(this.browser.carryOut(order), AbortSignal.any([late, signal]));
    } catch (error) {
      if (error instanceof ToolFailure) throw error;
      await this.browser.end();
      if (late.aborted) throw new ToolFailure(`The browser took longer than ${seconds} seconds and was ended.`);
      throw error;
    }
  }

  private async run({ language, code, timeoutSeconds }: RunOrder): Promise<unknown> {
    const leftMs = this.left.codeExecutionSeconds * 1000 - this.executedMs;
    if (leftMs <= 0) throw new ToolFailure("The plan's seconds of code execution for this month are used up.");
    await this.open();
    const limitMs = Math.min(timeoutSeconds * 1000, leftMs);
    this.executingSince = performance.now();
    try {
      const { structuredContent, content } = await this.invoke("executeCode", { code, language }, limitMs);
      if (structuredContent?.exitCode === undefined) throw new ToolFailure(textOf(content) ?? "The code interpreter gave no result.");
      const { stdout = "", stderr = "", exitCode } = structuredContent;
      return { stdout: stdout.slice(0, MAX_TEXT), stderr: stderr.slice(0, MAX_TEXT), exitCode };
    } finally {
      this.endExecution();
    }
  }

  private endExecution(): void {
    if (this.executingSince !== null) this.executedMs += performance.now() - this.executingSince;
    this.executingSince = null;
  }

  /** @throws ToolFailure when it takes too long; the session, where it may still run, is then given up. */
  private async invoke(
    name: NonNullable<InvokeCodeInterpreterCommandInput["name"]>,
    args: NonNullable<InvokeCodeInterpreterCommandInput["arguments"]>,
    limitMs: number,
  ): Promise<CodeInterpreterResult> {
    const sessionId = await this.open();
    const late = AbortSignal.timeout(Math.max(1, Math.ceil(limitMs)));
    const signal = AbortSignal.any([late, this.ending.signal]);
    try {
      const command = new InvokeCodeInterpreterCommand({ ...INTERPRETER, sessionId, name, arguments: args });
      return await unlessAborted(this.resultOf(command, signal), signal);
    } catch (error) {
      if (error instanceof ToolFailure) throw error;
      // Whatever went wrong, nobody knows what still runs there.
      await this.endSession();
      if (this.ending.signal.aborted) throw new ToolFailure("The invocation has ended.");
      if (late.aborted) throw new ToolFailure(`The code interpreter took longer than ${Math.ceil(limitMs) / 1000} seconds and was ended.`);
      throw error;
    }
  }

  private async resultOf(command: InvokeCodeInterpreterCommand, signal: AbortSignal): Promise<CodeInterpreterResult> {
    const { stream } = await this.client.send(command, { abortSignal: signal });
    let result: CodeInterpreterResult | undefined;
    for await (const event of stream ?? []) result = event.result ?? result;
    if (result === undefined) throw new Error("The code interpreter gave no result.");
    return result;
  }

  private open(): Promise<string> {
    if (this.ending.signal.aborted) return Promise.reject(new ToolFailure("The invocation has ended."));
    if (this.session === null) {
      const starting = this.startSession();
      this.session = starting;
      starting.catch(() => (this.session === starting ? (this.session = null) : undefined));
    }
    return this.session;
  }

  private async startSession(): Promise<string> {
    const request = { ...INTERPRETER, name: "whs", sessionTimeoutSeconds: this.sessionSeconds };
    // Not ended with the invocation: a session whose id nobody heard could not be stopped.
    const { sessionId } = await this.client.send(new StartCodeInterpreterSessionCommand(request), {
      abortSignal: AbortSignal.timeout(START_MS),
    });
    if (sessionId === undefined) throw new Error("The code interpreter's session has no id.");
    return sessionId;
  }

  private endSession(): Promise<void> {
    const { session } = this;
    this.session = null;
    this.sessionEnd = Promise.all([this.sessionEnd, this.stopSession(session)]).then(() => undefined);
    return this.sessionEnd;
  }

  private async stopSession(session: Promise<string> | null): Promise<void> {
    const [started] = await Promise.allSettled([session]);
    if (started.status === "rejected" || started.value === null) return;
    for (let tries = 0; tries < STOP_TRIES; tries += 1) {
      try {
        await this.client.send(new StopCodeInterpreterSessionCommand({ ...INTERPRETER, sessionId: started.value }), {
          abortSignal: AbortSignal.timeout(STOP_MS),
        });
        return;
      } catch {
        // Beyond the last try its own time ends it.
      }
    }
  }
}

/** Which of AWS's errors it was; what they say may be about our account. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

function toolOf({ kind }: Order): ToolName {
  return kind === "open" || kind === "evaluate" || kind === "screenshot" ? "browser" : "codeInterpreter";
}

function successful(result: CodeInterpreterResult): CodeInterpreterResult {
  if (result.isError === true) throw new ToolFailure(textOf(result.content) ?? "The code interpreter failed.");
  return result;
}

function textOf(content: CodeInterpreterResult["content"]): string | undefined {
  return content?.find(({ text }) => text !== undefined)?.text?.slice(0, 1000);
}

function filesOf(paths: readonly string[], { content }: CodeInterpreterResult): { path: string; base64: string }[] {
  const files = paths.map((path, index) => {
    const resource = content?.[index]?.resource;
    if (resource === undefined) throw new ToolFailure(`The code interpreter did not give the file ${path}.`);
    return { path, bytes: Buffer.from(resource.blob ?? resource.text ?? "") };
  });
  checkSize(files.map(({ bytes }) => bytes));
  return files.map(({ path, bytes }) => ({ path, base64: bytes.toString("base64") }));
}

function checkSize(files: readonly Uint8Array[]): void {
  if (files.reduce((sum, { length }) => sum + length, 0) > MAX_FILES)
    throw new ToolFailure(`The files have more than ${MAX_FILES} bytes together.`);
}

function problemOf(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? "unknown" : `${issue.path.join(".")}: ${issue.message}`;
}
