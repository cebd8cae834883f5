/** One turn of a conversation. */
export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
}

/**
 * What an agent reports about its own use. A figure left out is filled in by the platform: tokens are then estimated
 * from the characters of input and output. A later report replaces an earlier one, figure by figure.
 */
export interface Usage {
  /** Tokens of all model calls of this invocation, prompt and completion together. */
  tokens?: number;
  toolCalls?: number;
}

/** A whole answer, or one piece of a streamed one: text pieces are joined, `usage` and `messages` replace earlier ones. */
export interface AnswerPart {
  text?: string;
  usage?: Usage;
  /** The new messages of this turn, where a caller should see more than the text (tool calls, for example). */
  messages?: readonly Message[];
}
export type AnswerPiece = string | AnswerPart;

/** Everything `invoke` may return, or a promise of it. A Vercel AI SDK `textStream` is one of these as it is. */
export type Answer = AnswerPiece | AsyncIterable<AnswerPiece> | Iterable<AnswerPart> | Generator<AnswerPiece> | ReadableStream<AnswerPiece>;

export interface InvokeOptions {
  maxSteps?: number;
  temperature?: number;
  toolPolicy?: { allow?: readonly string[]; deny?: readonly string[] };
}

export interface InvokeArguments<Env = Record<string, string>> {
  /** Messages of this request, oldest first; at least one. Earlier turns are not in it: keep them with `session.messages`. */
  messages: readonly Message[];
  session: Session;
  /** The agent's secrets and settings by name. */
  env: Env;
  /** Aborts when the caller has gone or the time is over: pass it on to `fetch`. */
  signal: AbortSignal;
  traceId: string;
  /** W3C trace context of this call, where the caller or the platform traces: pass it on to whom the agent calls. */
  traceparent?: string;
  options: InvokeOptions;
  /** Tools that the platform runs beside the agent; each is there when the manifest asks for it and the plan includes it. */
  tools: Tools;
  /** Other agents of the same owner. */
  agents: Agents;
}

/** Calls other agents of the same owner. What a call uses counts as any invocation of the called agent does. */
export interface Agents {
  /**
   * Waits for the whole answer. Up to 8 calls of an invocation run at once, further ones wait for their turn; what is still
   * open when the invocation ends is ended with it. What fails is thrown as an {@link AgentCallError}.
   * @param agent its name or its id
   * @param request a text stands for `{ input: { prompt } }`
   */
  invoke(agent: string, request: string | AgentRequest): Promise<AgentAnswer>;
}

/** The body of invoke/v1. */
export interface AgentRequest {
  input: { prompt: string } | { messages: readonly Message[] };
  /** One of the called agent's. Without it the call goes on with the session that belongs to the caller's own. */
  sessionId?: string;
  options?: InvokeOptions;
}

/** The answer of invoke/v1. */
export interface AgentAnswer {
  output: { text: string; messages?: readonly Message[] | undefined };
  /** Absent where the called agent is stateless. */
  sessionId?: string | undefined;
  usage: { tokens: number; tokensEstimated: boolean; computeMs: number; toolCalls: number };
  traceId: string;
}

/** Why a call failed. Told from other errors by its `name`. */
export interface AgentCallError extends Error {
  name: "AgentCallError";
  /** A stable code of the API, such as `NOT_FOUND`, `LIMIT_EXCEEDED`, `RATE_LIMITED` or `RUNTIME_ERROR`. */
  code: string;
  /** Whether another try may succeed. */
  retryable: boolean;
}

export interface Tools {
  codeInterpreter?: CodeInterpreter;
  browser?: Browser;
}

export type CodeLanguage = "python" | "javascript" | "typescript";
export interface CodeResult {
  /** Up to 1,048,576 characters each. */
  stdout: string;
  stderr: string;
  /** Other than 0 when the code failed; `stderr` says how. */
  exitCode: number;
}

/**
 * Runs code in a sandbox without the agent's secrets. Definitions and files last until the invocation ends.
 * Each call counts as one tool call. What cannot be carried out is thrown as an error named `ToolError`.
 */
export interface CodeInterpreter {
  /** `timeoutSeconds`: up to 300, 60 unless told; code that takes longer is ended, and all that it defined with it. */
  run(order: { language: CodeLanguage; code: string; timeoutSeconds?: number }): Promise<CodeResult>;
  /** Paths are relative to the directory in which code runs; up to 8 MiB a call. */
  writeFiles(files: readonly { path: string; content: string | Uint8Array }[]): Promise<void>;
  /** In the order of `paths`; up to 8 MiB a call. */
  readFiles(paths: readonly string[]): Promise<{ path: string; content: Uint8Array }[]>;
}

/** A page as it is shown. */
export interface Page {
  /** Where it ended up. */
  url: string;
  title: string;
  /** Its visible text, up to 1,048,576 characters. */
  text: string;
}

/**
 * One page of a headless browser, which lasts until the invocation ends. Each call counts as one tool call, the browser as one
 * session. What cannot be carried out is thrown as an error named `ToolError`. `timeoutSeconds`: up to 120, 30 unless told; a
 * call that takes longer ends the browser, and the next one begins with another.
 */
export interface Browser {
  /** Goes to an http or https address and waits until it has loaded. */
  open(url: string, options?: { timeoutSeconds?: number }): Promise<Page>;
  /** The value of a JavaScript expression in the page, awaited; it must be JSON, up to 4 MiB. */
  evaluate(expression: string, options?: { timeoutSeconds?: number }): Promise<unknown>;
  /** PNG of what is visible, 1280 by 800. */
  screenshot(): Promise<Uint8Array>;
}

/** What belongs to one conversation and lasts over its calls, restarts and deployments. */
export interface Session {
  /** Opaque. Null where the agent is stateless; its storage then refuses every call. */
  readonly id: string | null;
  readonly storage: SessionStorage;
  /** A history that is kept only if you append to it. */
  readonly messages: SessionMessages;
}

/** Which keys to list, in the order of their UTF-8 bytes. */
export interface ListOptions {
  prefix?: string;
  /** First key, inclusive. */
  start?: string;
  /** Last key, exclusive. */
  end?: string;
  reverse?: boolean;
  limit?: number;
}

/** Reads and writes of a session's values. A value is anything that structured clone takes, up to 2 MB. */
export interface StorageOperations {
  get<T = unknown>(key: string): Promise<T | undefined>;
  put<T>(key: string, value: T): Promise<void>;
  /** Whether there was such a key. */
  delete(key: string): Promise<boolean>;
  list<T = unknown>(options?: ListOptions): Promise<Map<string, T>>;
}

export interface SessionStorage extends StorageOperations {
  /** All writes of `run` happen, or none of them when it throws. */
  transaction<R>(run: (transaction: StorageOperations) => Promise<R>): Promise<R>;
}

export interface SessionMessages {
  list(): Promise<Message[]>;
  append(...messages: readonly Message[]): Promise<void>;
  clear(): Promise<void>;
}

export interface Agent<Env = Record<string, string>> {
  invoke(args: InvokeArguments<Env>): Answer | Promise<Answer>;
}

/** Third argument of the `fetch` form. */
export interface FetchContext {
  waitUntil(promise: Promise<unknown>): void;
  session: Session;
  signal: AbortSignal;
  traceId: string;
  tools: Tools;
  agents: Agents;
}

/** Any web-standard handler is an agent too: it gets `POST /invoke` with the invoke/v1 body. */
export interface FetchAgent<Env = Record<string, string>> {
  fetch(request: Request, env: Env, context: FetchContext): Response | Promise<Response>;
}
