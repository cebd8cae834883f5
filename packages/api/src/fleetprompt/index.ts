/** The API of FleetPrompt, the marketplace. */
import type { Endpoint } from "../endpoint.ts";
import { openApiDocument } from "../openapi.ts";
import * as admin from "./admin.ts";
import * as buyer from "./buyer.ts";
import * as internal from "./internal.ts";
import * as operator from "./operator.ts";
import * as publicEndpoints from "./public.ts";
import * as publisher from "./publisher.ts";
import { fleetPromptDialect } from "./dialect.ts";

export * from "./admin.ts";
export * from "./base.ts";
export * from "./buyer.ts";
export * from "./errors.ts";
export * from "./internal.ts";
export * from "./operator.ts";
export * from "./public.ts";
export * from "./publisher.ts";

const isEndpoint = (value: unknown): value is Endpoint =>
  typeof value === "object" && value !== null && "path" in value && "answer" in value;
const modules: Record<string, unknown>[] = [publicEndpoints, publisher, buyer, internal, admin, operator];

/** Every endpoint of FleetPrompt. */
export const allEndpoints: readonly Endpoint[] = modules.flatMap((module) => Object.values(module).filter(isEndpoint));

const info = {
  title: "FleetPrompt",
  version: "1.0",
  description: "Marketplace for agents and workflows: listings, immutable releases, and a hand-off by which other systems install them.",
};

export function describeFleetPrompt(): Record<string, unknown> {
  return openApiDocument(Object.fromEntries(allEndpoints.map((endpoint) => [endpoint.name, endpoint])), info, fleetPromptDialect);
}
