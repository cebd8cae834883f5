import { openApiDocument, protocolEndpoints, whsApiInfo, whsEndpoints } from "@whs/api";
import scalar from "@scalar/fastify-api-reference";
import type { FastifyInstance } from "fastify";

interface Options {
  oidcIssuer: string;
  publicUrl: string | undefined;
  /** Public keys that cards of agents are signed with. */
  jwks: { keys: readonly object[] };
  readiness: () => Promise<{ ready: boolean; checks: Record<string, string> }>;
}

/** What a credential is for: all of the service, or one of its doors for agents and their clients. */
const resources = ["", "/mcp"] as const;

/** What the service says of itself: its API, who signs people in, and how it is. No credential is needed. */
export function bindDescription(server: FastifyInstance, options: Options): { method: "GET"; path: `/${string}` }[] {
  const openApi = JSON.stringify(openApiDocument({ ...whsEndpoints, ...protocolEndpoints }, whsApiInfo));
  server.get("/openapi.json", (_request, reply) =>
    reply.type("application/json; charset=utf-8").header("cache-control", "public, max-age=300").send(openApi),
  );
  void server.register(scalar, { routePrefix: "/docs", configuration: { url: "/openapi.json", title: whsApiInfo.title } });
  const originOf = ({ protocol, host }: { protocol: string; host: string }): string =>
    (options.publicUrl ?? `${protocol}://${host}`).replace(/\/+$/, "");
  // Where a client finds the identity service: RFC 9728. The path of a resource comes after the document's own.
  for (const path of resources) {
    server.get(`/.well-known/oauth-protected-resource${path}`, (request) => ({
      resource: `${originOf(request)}${path}`,
      authorization_servers: [options.oidcIssuer],
      bearer_methods_supported: ["header"],
      traceId: request.traceId,
    }));
  }
  // RFC 9727: what APIs there are, and where each is described.
  server.get("/.well-known/api-catalog", (request, reply) =>
    reply.type('application/linkset+json; profile="https://www.rfc-editor.org/info/rfc9727"').send(apiCatalog(originOf(request))),
  );
  server.get("/llms.txt", (request, reply) => reply.type("text/plain; charset=utf-8").send(llmsText(originOf(request))));
  server.get("/.well-known/jwks.json", (_request, reply) => reply.header("cache-control", "public, max-age=300").send(options.jwks));
  server.get("/healthz", (request) => ({ ok: true, traceId: request.traceId }));
  server.get("/readyz", async (request, reply) => {
    const { ready, checks } = await options.readiness();
    reply.code(ready ? 200 : 503);
    if (!ready) {
      reply.header("retry-after", "1");
      return {
        error: {
          code: "UNAVAILABLE",
          message: "Not ready.",
          details: { failing: Object.keys(checks).filter((name) => checks[name] !== "ok") },
          retryable: true,
        },
        traceId: request.traceId,
      };
    }
    return { ok: true, traceId: request.traceId };
  });
  return [
    { method: "GET", path: "/openapi.json" },
    ...resources.map((path) => ({ method: "GET" as const, path: `/.well-known/oauth-protected-resource${path}` as const })),
    { method: "GET", path: "/.well-known/jwks.json" },
    { method: "GET", path: "/.well-known/api-catalog" },
    { method: "GET", path: "/llms.txt" },
    { method: "GET", path: "/healthz" },
    { method: "GET", path: "/readyz" },
    { method: "GET", path: "/docs" },
  ];
}

function apiCatalog(origin: string): object {
  const described = {
    "service-desc": [{ href: `${origin}/openapi.json`, type: "application/json" }],
    "service-doc": [{ href: `${origin}/docs` }],
  };
  return { linkset: ["/v1", "/mcp", "/a2a", "/ag-ui"].map((path) => ({ anchor: origin + path, ...described })) };
}

/** For language models that look for a way in: llmstxt.org. */
function llmsText(origin: string): string {
  return `# ${whsApiInfo.title}

> Hosting for AI agents. An agent that is deployed here answers by the clients that people already have. Every request needs
> \`Authorization: Bearer\` with an API token; nobody sees but their own agents.

## Doors

- [MCP](${origin}/mcp): each agent is a tool; further tools look after what is deployed, errors and usage
- [OpenAI](${origin}/v1/chat/completions): Chat Completions, also ${origin}/v1/responses; the model is an agent's name
- [A2A](${origin}/a2a/{agentId}): the card is at ${origin}/a2a/{agentId}/.well-known/agent-card.json
- [AG-UI](${origin}/ag-ui/{agentId}): a run in, events out
- [API](${origin}/v1/invoke/{agentId}): invoke an agent, whole or as a stream

## Reference

- [OpenAPI](${origin}/openapi.json): every endpoint, with its schemas and failures
- [Reading matter](${origin}/docs): the same to look at
- [Who signs in](${origin}/.well-known/oauth-protected-resource): the identity service
`;
}
