import { parseInput } from "@whs/platform/http";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Dependencies } from "../../context.ts";
import type { TakeRequest } from "../../rates.ts";
import { llmsText, sitemap } from "./crawler-texts.ts";
import { listServers, serversQuery } from "./list-servers.ts";

const cached = "public, max-age=300";

/** What others than our own clients read, in the forms that they know; nothing is added to those. */
export function bindEcosystem(
  server: FastifyInstance,
  dependencies: Dependencies,
  take: TakeRequest,
): { method: "GET"; path: `/${string}` }[] {
  const originOf = (request: FastifyRequest): string => dependencies.config.publicUrl ?? `${request.protocol}://${request.host}`;
  server.get("/v0.1/servers", async (request, reply) => {
    await take("search", request.ip);
    const list = await listServers(dependencies, parseInput(serversQuery, request.query));
    return reply.header("cache-control", cached).send(list);
  });
  server.get("/llms.txt", async (request, reply) => {
    await take("search", request.ip);
    return reply
      .type("text/plain; charset=utf-8")
      .header("cache-control", cached)
      .send(await llmsText(dependencies, originOf(request)));
  });
  server.get("/sitemap.xml", async (request, reply) => {
    await take("search", request.ip);
    return reply
      .type("application/xml; charset=utf-8")
      .header("cache-control", cached)
      .send(await sitemap(dependencies, originOf(request)));
  });
  return [
    { method: "GET", path: "/v0.1/servers" },
    { method: "GET", path: "/llms.txt" },
    { method: "GET", path: "/sitemap.xml" },
  ];
}
