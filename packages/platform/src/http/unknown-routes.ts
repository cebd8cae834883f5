import type { Endpoint } from "@whs/api";
import { AppError, notFound } from "@whs/platform/errors";
import type { FastifyInstance } from "fastify";

type Known = Pick<Endpoint, "method" | "path" | "alternative"> & Partial<Pick<Endpoint, "answer">>;

/** HEAD answers like GET, without a body; a stream that never ends has no such answer. */
export function answersHead({ method, alternative, answer }: Omit<Known, "path">): boolean {
  return method === "GET" && alternative === undefined && answer?.kind !== "events";
}

/** Answers unknown paths with 404 and known ones with 405 and `Allow`. Call after all routes are bound. */
export function answerUnknownRoutes(server: FastifyInstance, endpoints: readonly Known[]): void {
  const methodsByPath = new Map<string, Set<string>>();
  for (const endpoint of endpoints) {
    const methods = methodsByPath.get(endpoint.path) ?? new Set();
    methods.add(endpoint.method);
    if (answersHead(endpoint)) methods.add("HEAD");
    methodsByPath.set(endpoint.path, methods);
  }
  const known = [...methodsByPath].map(([path, methods]) => ({ pattern: pathPattern(path), methods: [...methods].toSorted() }));
  server.setNotFoundHandler((request) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const match = known.find(({ pattern }) => pattern.test(path));
    if (match === undefined) throw notFound("Route");
    throw new AppError("INVALID_REQUEST", `${request.method} is not possible here; use ${match.methods.join(" or ")}.`, {
      status: 405,
      details: { fields: [] },
      headers: { allow: match.methods.join(", ") },
    });
  });
}

function pathPattern(path: string): RegExp {
  const literal = path.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
}
