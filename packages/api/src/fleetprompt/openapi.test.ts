import { validate } from "@scalar/openapi-validator";
import { describe, expect, it } from "vitest";
import { allEndpoints, describeFleetPrompt, fleetPromptErrorStatus } from "./index.ts";

interface Operation {
  parameters: { name: string; in: string; required: boolean }[];
  responses: Record<string, { description: string; content?: Record<string, { schema: { properties?: Record<string, unknown> } }> }>;
}
const document = describeFleetPrompt() as { paths: Record<string, Record<string, Operation>> };
const operations = allEndpoints.map((endpoint) => {
  const operation = document.paths[endpoint.path]?.[endpoint.method.toLowerCase()];
  return [endpoint.name, endpoint, operation as Operation] as const;
});

describe("FleetPrompt's description", () => {
  it("is valid OpenAPI 3.1", () => {
    const { valid, errors, version } = validate(structuredClone(document), { checkPathParameters: true });
    expect(errors).toEqual([]);
    expect([valid, version]).toEqual([true, "3.1"]);
  });

  it.each(operations)("has %s with its codes, and the request's id in every answer", (_name, endpoint, operation) => {
    const described = Object.entries(operation.responses);
    for (const code of endpoint.errors) {
      const statuses: readonly number[] = fleetPromptErrorStatus[code as keyof typeof fleetPromptErrorStatus];
      expect(described.filter(([, { description }]) => description.split(", ").includes(code)).map(([status]) => Number(status))).toEqual(
        statuses,
      );
    }
    const success = operation.responses[endpoint.answer.status]?.content?.["application/json"]?.schema.properties;
    expect(Object.keys(success ?? {})).toContain("requestId");
    expect(Object.keys(success ?? {})).not.toContain("traceId");
  });

  it("asks for a key where the contract does, and nowhere else", () => {
    const required = operations
      .filter(([, , { parameters }]) => parameters.some(({ name, required: must }) => name === "Idempotency-Key" && must))
      .map(([name]) => name);
    expect(required.toSorted()).toEqual([
      "installs.createIntent",
      "installs.issueToken",
      "listings.changeStatus",
      "listings.create",
      "moderation.restore",
      "moderation.suspend",
      "releases.publish",
      "releases.revoke",
    ]);
  });
});
