import type { AwsReply, AwsRequest, AwsRoute } from "../http/routes.ts";
import type { Runtimes } from "./runtimes.ts";
import {
  createEndpointSchema,
  createRuntimeSchema,
  pageSchema,
  parse,
  parseBody,
  tagResourceSchema,
  updateEndpointSchema,
  updateRuntimeSchema,
} from "./schemas.ts";

export function runtimeRoutes(runtimes: Runtimes): AwsRoute[] {
  const endpoints = "/runtimes/{id}/runtime-endpoints";
  const endpoint = `${endpoints}/{name}`;
  return [
    route("PUT", "/runtimes", 202, ({ body }) => runtimes.create(parseBody(createRuntimeSchema, body))),
    route("POST", "/runtimes", 200, ({ query }) => runtimes.list(pageOf(query))),
    route("PUT", "/runtimes/{id}", 202, ({ parameters: [id = ""], body }) => runtimes.update(id, parseBody(updateRuntimeSchema, body))),
    route("GET", "/runtimes/{id}", 200, ({ parameters: [id = ""], query }) => runtimes.get(id, query.get("version") ?? undefined)),
    route("DELETE", "/runtimes/{id}", 202, ({ parameters: [id = ""], query }) => runtimes.delete(id, query.get("version") ?? undefined)),
    route("POST", "/runtimes/{id}/versions", 200, ({ parameters: [id = ""], query }) => runtimes.listVersions(id, pageOf(query))),
    route("PUT", endpoints, 202, ({ parameters: [id = ""], body }) => runtimes.createEndpoint(id, parseBody(createEndpointSchema, body))),
    route("POST", endpoints, 200, ({ parameters: [id = ""], query }) => runtimes.listEndpoints(id, pageOf(query))),
    route("PUT", endpoint, 202, ({ parameters: [id = "", name = ""], body }) =>
      runtimes.updateEndpoint(id, name, parseBody(updateEndpointSchema, body)),
    ),
    route("GET", endpoint, 200, ({ parameters: [id = "", name = ""] }) => runtimes.getEndpoint(id, name)),
    route("DELETE", endpoint, 202, ({ parameters: [id = "", name = ""] }) => runtimes.deleteEndpoint(id, name)),
    route("GET", "/tags/{arn}", 200, ({ parameters: [arn = ""] }) => ({ tags: runtimes.tags(arn) })),
    route("POST", "/tags/{arn}", 204, ({ parameters: [arn = ""], body }) => runtimes.tag(arn, parseBody(tagResourceSchema, body).tags)),
    route("DELETE", "/tags/{arn}", 204, ({ parameters: [arn = ""], query }) => runtimes.untag(arn, query.getAll("tagKeys"))),
  ];
}

function route(method: string, path: string, status: number, work: (request: AwsRequest) => unknown): AwsRoute {
  // A throw in the executor becomes a rejection.
  return { method, path, handler: (request) => new Promise<AwsReply>((resolve) => resolve({ status, body: work(request) })) };
}

function pageOf(query: URLSearchParams) {
  return parse(pageSchema, Object.fromEntries(query));
}
