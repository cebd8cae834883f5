import { fleetprompt } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import type { Bind } from "@whs/platform/http";
import type { FastifyInstance } from "fastify";
import type { Context, Dependencies } from "../../context.ts";
import type { TakeRequest } from "../../rates.ts";
import { findImage } from "./find-image.ts";
import { uploadImage } from "./upload-image.ts";

export function bindImages(bind: Bind<Context>): void {
  bind(fleetprompt.uploadImage, (context, { rawBody }) => uploadImage(context, rawBody));
}

const yearSeconds = 365 * 86_400;

/** The pictures themselves: bytes that never change, which a browser shows and does nothing else with. */
export function serveImages(server: FastifyInstance, dependencies: Dependencies, take: TakeRequest): { method: "GET"; path: `/${string}` } {
  server.get<{ Params: { name: string } }>("/images/:name", async (request, reply) => {
    await take("read", request.ip);
    const sha256 = /^([0-9a-f]{64})\.webp$/.exec(request.params.name)?.[1];
    if (sha256 === undefined) throw notFound("Picture");
    reply.header("cache-control", `public, max-age=${yearSeconds}, immutable`).header("etag", `"${sha256}"`);
    const bytes = await findImage(dependencies, sha256);
    return reply
      .type("image/webp")
      .header("content-security-policy", "default-src 'none'; sandbox")
      .header("cross-origin-resource-policy", "cross-origin")
      .send(bytes);
  });
  return { method: "GET", path: "/images/{name}" };
}
