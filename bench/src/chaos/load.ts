import { createBundleArchive } from "@whs/artifact";
import { newId } from "@whs/platform/ids";
import { Agent, request } from "undici";

/** One attempt to invoke, and what its caller knows of it. */
export interface Attempt {
  traceId: string;
  /** Milliseconds of `performance.now()`. */
  endedAt: number;
  /** HTTP status; 0 when no whole answer came. */
  status: number;
  /** The error's code, or what was wrong with the connection. */
  code: string;
}

/** What callers were told, to be held against what is there afterwards. */
export interface Told {
  attempts: Attempt[];
  /** Answers that were not what the agent says. */
  wrongAnswers: string[];
  /** Names of agents whose creation was acknowledged, with their ids. */
  agents: Map<string, string>;
  /** Refusals of a creation that was repeated under its key. */
  conflicts: string[];
  /** Ids of deployments that were acknowledged, with the text that each version answers. */
  deployments: Map<string, string>;
}

export interface LoadOptions {
  url: string;
  /** A token with all scopes. */
  token: string;
  agentId: string;
  /** An agent that is deployed again and again. */
  deployedAgentId: string;
  callers: number;
  sessions: number;
  signal: AbortSignal;
}

/** Pause of a caller between two invocations, in milliseconds. */
const pauseMs = 40;
const pauseAfterFailureMs = 200;
const writePauseMs = 250;
const deployPauseMs = 4_000;
const requestTimeoutMs = 20_000;

export const source = `export default { async invoke({ messages, session }) {
  const text = messages.at(-1).content;
  if (!text.startsWith("count ")) return "echo " + text;
  const n = ((await session.storage.get("n")) ?? 0) + 1;
  await session.storage.put("n", n);
  return n + " " + text;
} };`;

/** Calls, writes and deploys until the signal, and notes what it is told. */
export async function load(options: LoadOptions): Promise<Told> {
  const told: Told = { attempts: [], wrongAnswers: [], agents: new Map(), conflicts: [], deployments: new Map() };
  const http = createHttp(options);
  await Promise.all([
    ...Array.from({ length: options.callers }, () => echo(options, http, told)),
    ...Array.from({ length: options.sessions }, () => count(options, http, told)),
    createAgents(options, http, told),
    deployAgain(options, http, told),
  ]);
  await http.close();
  return told;
}

interface Answer {
  status: number;
  /** Parsed; empty when no whole answer came. */
  body: Record<string, unknown>;
  code: string;
}

interface Http {
  call(method: "GET" | "POST", path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

function createHttp({ url, token }: LoadOptions): Http {
  const dispatcher = new Agent({ connections: 64 });
  return {
    async call(method, path, body, headers = {}) {
      const bytes = body instanceof Uint8Array;
      try {
        const answer = await request(url + path, {
          method,
          dispatcher,
          headers: { authorization: `Bearer ${token}`, "content-type": bytes ? "application/gzip" : "application/json", ...headers },
          body: bytes ? body : body === undefined ? null : JSON.stringify(body),
          signal: AbortSignal.timeout(requestTimeoutMs),
        });
        const parsed = JSON.parse(await answer.body.text()) as Record<string, unknown>;
        const error = parsed["error"] as { code: string; message: string } | undefined;
        return { status: answer.statusCode, body: parsed, code: error === undefined ? "" : error.code };
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
        return { status: 0, body: {}, code };
      }
    },
    close: () => dispatcher.close(),
  };
}

async function invoke(options: LoadOptions, http: Http, told: Told, prompt: string, sessionId?: string): Promise<Answer> {
  const traceId = newId("trc");
  const answer = await http.call("POST", `/v1/invoke/${options.agentId}`, {
    input: { prompt },
    metadata: { traceId },
    ...(sessionId === undefined ? {} : { sessionId }),
  });
  told.attempts.push({ traceId, endedAt: performance.now(), status: answer.status, code: answer.code });
  return answer;
}

const textOf = (answer: Answer): string => String((answer.body["output"] as { text?: unknown } | undefined)?.text);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function echo(options: LoadOptions, http: Http, told: Told): Promise<void> {
  while (!options.signal.aborted) {
    const word = newId("evt");
    const answer = await invoke(options, http, told, word);
    if (answer.status === 200 && textOf(answer) !== `echo ${word}`) told.wrongAnswers.push(`${textOf(answer)} instead of echo ${word}`);
    await pause(answer.status === 200 ? pauseMs : pauseAfterFailureMs);
  }
}

/** A session counts its turns; one that was acknowledged is never forgotten. */
async function count(options: LoadOptions, http: Http, told: Told): Promise<void> {
  let sessionId: string | undefined;
  let turns = 0;
  let unsure = 0;
  while (!options.signal.aborted) {
    const word = newId("evt");
    const answer = await invoke(options, http, told, `count ${word}`, sessionId);
    if (answer.status === 200) {
      sessionId = String(answer.body["sessionId"]);
      const [, n, said] = /^(\d+) count (.*)$/.exec(textOf(answer)) ?? [];
      if (said !== word || !(Number(n) > turns && Number(n) <= turns + 1 + unsure))
        told.wrongAnswers.push(`turn "${textOf(answer)}" after turn ${turns} and ${unsure} without an answer`);
      turns = Number(n);
      unsure = 0;
    } else if (sessionId !== undefined) unsure += 1;
    await pause(answer.status === 200 ? pauseMs : pauseAfterFailureMs);
  }
}

/** Repeats each creation under its key until it is acknowledged; what took place without its answer is not done twice. */
async function createAgents(options: LoadOptions, http: Http, told: Told): Promise<void> {
  for (let number = 0; !options.signal.aborted; number++) {
    const name = `written-${number}`;
    let id: string | undefined;
    while (id === undefined && !options.signal.aborted) {
      const answer = await http.call(
        "POST",
        "/v1/agents",
        { name, runtimeProvider: "cloudflare" },
        { "idempotency-key": `agent-${number}` },
      );
      if (answer.status === 201) id = (answer.body["agent"] as { id: string }).id;
      // Its name is taken: it was made, and its key forgotten.
      else if (answer.status === 409 && answer.code === "CONFLICT") told.conflicts.push(`${name}: ${JSON.stringify(answer.body)}`);
      await pause(writePauseMs);
    }
    if (id !== undefined) told.agents.set(name, id);
  }
}

async function deployAgain(options: LoadOptions, http: Http, told: Told): Promise<void> {
  for (let number = 1; !options.signal.aborted; number++) {
    const text = `version ${number}`;
    const archive = await createBundleArchive([
      {
        path: "agent.config.json",
        bytes: Buffer.from(
          JSON.stringify({
            protocol: "invoke/v1",
            runtime: "cloudflare",
            entrypoint: "agent.ts",
            capabilities: { streaming: false, tools: false },
          }),
        ),
      },
      { path: "agent.ts", bytes: Buffer.from(`export default { invoke: () => ${JSON.stringify(text)} };`) },
    ]);
    const uploaded = await http.call("POST", "/v1/uploads", new Uint8Array(archive));
    if (uploaded.status === 201) {
      const artifact = { type: "uploaded_bundle", uploadId: (uploaded.body["upload"] as { id: string }).id };
      const answer = await http.call("POST", `/v1/agents/${options.deployedAgentId}/deployments`, { artifact });
      if (answer.status === 202) told.deployments.set((answer.body["deployment"] as { id: string }).id, text);
    }
    await pause(deployPauseMs);
  }
}
