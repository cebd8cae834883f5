/**
 * The one Worker of ours that faces the internet on Cloudflare: it answers gateways alone, knows which script serves a
 * deployment, measures, and signs what it measured. Tenants' scripts hold none of its keys, and see none of its headers.
 */
import { type CellContext, WorkerEntrypoint } from "cloudflare:workers";
import { AGENT_CALLS_PATH, CALL_TOKEN_HEADER, unreachable } from "../../../agent-calls.ts";
import { INSPECT_URL, type CellFailure } from "../../cell/answers.ts";
import { failureResponse } from "../../cell/relay.ts";
import { REVISION_HEADER, type DispatchEnv } from "./env.ts";
import { forgetDeployment, invoke, isMissing, parsePath } from "./invocations.ts";
import type { AgentRegistryStub, DeploymentRecord } from "./registry.ts";
import { isSignedByGateway } from "./signed-request.ts";

export { AgentRegistry } from "./registry.ts";

/** Tenants' scripts reach the control plane's door for agents' calls through here, and nothing else of it. */
export class AgentCalls extends WorkerEntrypoint<DispatchEnv> {
  async fetch(request: Request): Promise<Response> {
    const headers = { "content-type": "application/json", [CALL_TOKEN_HEADER]: request.headers.get(CALL_TOKEN_HEADER) ?? "" };
    const body = await request.text();
    try {
      return await fetch(this.env.API_URL + AGENT_CALLS_PATH, { method: "POST", headers, body, signal: request.signal });
    } catch (error) {
      console.warn(`An agent's call did not reach the control plane: ${String(error)}`);
      return Response.json(unreachable, { status: 503 });
    }
  }
}

const FORGED: CellFailure = {
  kind: "auth",
  message: "The dispatch Worker does not take the gateway's signature.",
  retryable: false,
  reached: false,
};

export default {
  async fetch(request: Request, env: DispatchEnv, context: CellContext): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    const keys = [env.GATEWAY_KEY, env.GATEWAY_KEY_PREVIOUS].filter((key) => key !== undefined);
    if (!(await isSignedByGateway(request, pathname + search, body, keys))) return failureResponse(FORGED);
    const path = pathname.split("/");
    const [, verb] = path;
    const text = new TextDecoder().decode(body);
    if (verb === "invoke" || verb === "stream") return invoke(env, context, request, parsePath(verb, path), text);
    if (verb === "health") return Response.json({ build: env.SETTINGS.build });
    if (verb === "inspect") return inspect(env, path[2] ?? "");
    if (verb === "registry") return registry(env, request.method, path[2] ?? "", path[3], text);
    if (verb === "sessions") return destroySession(env, path[2] ?? "", path[3] ?? "");
    return new Response(null, { status: 404 });
  },
};

/** `GET /inspect/{script}`: 200 when the script holds an agent, 422 with what is wrong, 404 while it is not there. */
async function inspect(env: DispatchEnv, script: string): Promise<Response> {
  try {
    const response = await agentScript(env, script).fetch(INSPECT_URL);
    return new Response(await response.text(), {
      status: response.ok ? 200 : 422,
      headers: { [REVISION_HEADER]: response.headers.get(REVISION_HEADER) ?? "" },
    });
  } catch (error) {
    if (isMissing(error)) return new Response(null, { status: 404 });
    const message = error instanceof Error ? error.message : String(error);
    return Response.json({ kind: "invalid", message, retryable: false, reached: false } satisfies CellFailure, { status: 422 });
  }
}

/** `GET /registry/{agentId}`, and `GET`, `PUT` and `DELETE /registry/{agentId}/{deploymentId}`. */
async function registry(
  env: DispatchEnv,
  method: string,
  agentId: string,
  deploymentId: string | undefined,
  body: string,
): Promise<Response> {
  const agent: AgentRegistryStub = env.REGISTRY.get(env.REGISTRY.idFromName(agentId));
  if (deploymentId === undefined) return Response.json(await agent.list());
  if (method === "GET") return Response.json(await agent.find(deploymentId));
  if (method === "PUT") await agent.save(JSON.parse(body) as DeploymentRecord);
  else await agent.remove(deploymentId);
  forgetDeployment(deploymentId);
  return new Response(null, { status: 204 });
}

/** `DELETE /sessions/{script}/{sessionId}` */
async function destroySession(env: DispatchEnv, script: string, sessionId: string): Promise<Response> {
  try {
    const response = await agentScript(env, script).fetch(`http://sessions/${sessionId}`, { method: "DELETE" });
    return new Response(null, { status: response.status });
  } catch (error) {
    if (isMissing(error)) return new Response(null, { status: 204 });
    throw error;
  }
}

function agentScript(env: DispatchEnv, script: string) {
  return env.AGENTS.get(script, {}, { limits: { cpuMs: env.SETTINGS.agentCpuMs } });
}
