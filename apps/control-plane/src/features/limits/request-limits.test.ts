import { invokeAgent, listAgents, reportTelemetry } from "@whs/api";
import { createRegistry } from "@whs/platform/metrics";
import { unauthenticated } from "@whs/platform/errors";
import type { Bind, Handler, HandlerInput, HttpRequest } from "@whs/platform/http";
import { createPoints, openRateLimits } from "@whs/platform/rate-limits";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { expect, test } from "vitest";
import { createLimitMetrics } from "../../observability/index.ts";
import { createRequestLimits, type RequestLimits } from "./request-limits.ts";

/** Over the memory of this process: its store cannot be reached. */
async function openAlone(): Promise<RequestLimits> {
  const kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: "postgres://127.0.0.1:1/none" }) }) });
  const limits = await openRateLimits({ redisUrl: undefined, kysely, table: "none", log: { warn: () => undefined } });
  return createRequestLimits({
    limits,
    invocations: createPoints({ limits, scope: "invocations_address" }),
    settings: {
      writes: { user: undefined, agent: undefined, address: undefined },
      uploads: { user: undefined, address: undefined },
      invocations: { agent: undefined, address: { limit: 3, windowSeconds: 3600 } },
      failures: undefined,
      badSignatures: { limit: 2, windowSeconds: 3600 },
    },
    metrics: createLimitMetrics(createRegistry("test")),
  });
}

/** What a guarded endpoint does with a request of this address whose signature is good or not. */
function guarded(limits: RequestLimits): (address: string, good: boolean) => Promise<unknown> {
  let run: Handler<typeof reportTelemetry, boolean> | undefined;
  const bind: Bind<boolean> = (_endpoint, handler) => {
    run = handler as unknown as typeof run;
  };
  limits.guardSignatures(bind, "telemetry")(reportTelemetry, (good) =>
    good ? Promise.resolve({ accepted: true as const }) : Promise.reject(unauthenticated("The signature is not valid.")),
  );
  return async (address, good) => {
    const input = { http: { request: { address } as HttpRequest } } as HandlerInput<typeof reportTelemetry>;
    return run?.(good, input).catch((error: { code: string }) => error.code);
  };
}

test("an address with good signatures stays open, though others behind it send bad ones", async () => {
  const limits = await openAlone();
  const send = guarded(limits);
  expect(await send("192.0.2.1", true)).toEqual({ accepted: true });
  for (let index = 0; index < 5; index++) expect(await send("192.0.2.1", false)).toBe("UNAUTHENTICATED");
  expect(await send("192.0.2.1", true)).toEqual({ accepted: true });
  expect(await send("192.0.2.2", false)).toBe("UNAUTHENTICATED");
  expect(await send("192.0.2.2", false)).toBe("UNAUTHENTICATED");
  expect(await send("192.0.2.2", true)).toBe("RATE_LIMITED");
  await limits.close();
});

test("invocations of one address are bounded where the operator wants it, reads never", async () => {
  const limits = await openAlone();
  const request = { address: "2001:db8::1", params: {} } as HttpRequest;
  for (let index = 0; index < 3; index++)
    expect(await limits.admit(invokeAgent, request, `usr_${index}`)).toMatchObject({ "ratelimit-limit": "3" });
  await expect(limits.admit(invokeAgent, { ...request, address: "2001:db8::2" }, "usr_4")).rejects.toMatchObject({ code: "RATE_LIMITED" });
  expect(await limits.admit(listAgents, request, "usr_1")).toEqual({});
  await limits.close();
});
