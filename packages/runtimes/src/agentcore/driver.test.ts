import fc from "fast-check";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type DeployInput, ProviderError } from "../port.ts";
import { readAnswer } from "./answer-stream.ts";
import { defaultAgentcorePrices, estimateAgentcoreCost } from "./cost.ts";
import { checkDeployment, settingsOf } from "./deploy-settings.ts";
import { toProviderError } from "./errors.ts";
import { RegistryError } from "./image/registry.ts";
import { variableProblems } from "./limits.ts";
import { clientToken, endpointName, runtimeName, runtimeSessionId } from "./names.ts";
import type { AgentcoreProviderOptions } from "./options.ts";
import { WarmSessions } from "./warm-sessions.ts";
import { agentManifestSchema } from "@whs/artifact";

const named = (name: string, more: object = {}) => Object.assign(new Error("raw words of the service"), { name, ...more });

describe("an error of the service", () => {
  test.each([
    ["AccessDeniedException", "auth", false, false],
    ["ResourceNotFoundException", "not_found", false, false],
    ["ValidationException", "invalid", false, false],
    ["ConflictException", "transient", true, false],
    ["RetryableConflictException", "transient", true, false],
    ["ThrottlingException", "capacity", true, false],
    ["ServiceQuotaExceededException", "capacity", true, false],
    ["RuntimeClientError", "runtime", true, true],
    ["InternalServerException", "transient", true, true],
    ["SomethingNew", "runtime", true, true],
  ])("%s becomes %s", (name, kind, retryable, reached) => {
    const error = toProviderError(named(name), "to invoke");
    expect(error).toMatchObject({ kind, retryable, reached });
    expect(error.message).not.toMatch(/raw words/);
    expect(error.cause).toMatchObject({ name });
  });

  test("of the network counts as not reached only when nothing was sent", () => {
    expect(toProviderError(named("Error", { code: "ECONNREFUSED" }), "to invoke")).toMatchObject({ kind: "transient", reached: false });
    expect(toProviderError(new Error("outer", { cause: named("x", { code: "ENOTFOUND" }) }), "to invoke")).toMatchObject({
      reached: false,
    });
    expect(toProviderError(named("Error", { code: "ECONNRESET" }), "to invoke")).toMatchObject({ kind: "runtime", reached: true });
  });

  test("of the registry is worth another try when the registry failed, not when it refuses", () => {
    expect(toProviderError(new RegistryError("x", 503), "to change")).toMatchObject({ retryable: true, reached: false });
    expect(toProviderError(new RegistryError("x", 403), "to change")).toMatchObject({ retryable: false, reached: false });
  });

  test("a status says what an unknown name does not", () => {
    expect(toProviderError(named("Odd", { $metadata: { httpStatusCode: 403 } }), "to invoke").kind).toBe("auth");
    expect(toProviderError(named("Odd", { $metadata: { httpStatusCode: 429 } }), "to invoke").kind).toBe("capacity");
  });
});

test("names fit AgentCore's patterns, differ for tenants and agents, and tell nothing of them", () => {
  const id = fc.string({ minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(id, id, id, (userId, agentId, other) => {
      const name = runtimeName({ userId, agentId });
      expect(name).toMatch(/^[a-zA-Z][a-zA-Z0-9_]{0,47}$/);
      expect(endpointName(agentId)).toMatch(/^[a-zA-Z][a-zA-Z0-9_]{0,47}$/);
      expect(runtimeSessionId(agentId, other)).toMatch(/^[0-9a-f]{64}$/);
      expect(clientToken(userId, [agentId])).toMatch(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){32,255}$/);
      expect(other === agentId || runtimeName({ userId, agentId: other }) !== name).toBe(true);
      expect(other === userId || runtimeName({ userId: other, agentId }) !== name).toBe(true);
    }),
  );
  expect(endpointName("dep_01m7zjrecxe8vra8tg6sgvjkpg")).toBe("dep_01m7zjrecxe8vra8tg6sgvjkpg");
});

test("variables beyond the service's limits are named", () => {
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`K${index}`, "v"]));
  expect(variableProblems({ A: "x".repeat(5000), ["B".repeat(92)]: "" })).toEqual([]);
  expect(variableProblems({ A: "x".repeat(5001) })).toEqual([{ key: "A", message: expect.stringMatching(/5000/) }]);
  expect(variableProblems({ ["B".repeat(93)]: "" })).toEqual([{ key: "B".repeat(93), message: expect.stringMatching(/92/) }]);
  expect(variableProblems(many)).toEqual([{ key: "K50", message: expect.stringMatching(/50 secrets, not 51/) }]);
});

test("the cost follows from prices and figures, rises with every figure, and has nine decimals", () => {
  const prices = { ...defaultAgentcorePrices, perMillionRequests: 1, perMillionTokens: 2, perMillionToolCalls: 3 };
  expect(estimateAgentcoreCost({ requests: 0, tokens: 0, computeMs: 3_600_000 }, defaultAgentcorePrices)).toBe(0.0271);
  const nothing = { requests: 0, tokens: 0, computeMs: 0 };
  const executed = { toolCalls: 9, codeExecutionSeconds: 1800, browserSessions: 2 };
  expect(estimateAgentcoreCost({ ...nothing, tools: executed }, defaultAgentcorePrices)).toBe(0.056355);
  expect(estimateAgentcoreCost({ ...nothing, tools: executed }, prices)).toBe(0.056382);
  const tools = fc.record({
    toolCalls: fc.nat(100),
    codeExecutionSeconds: fc.double({ min: 0, max: 1e4, noNaN: true }),
    browserSessions: fc.nat(9),
  });
  const figures = fc.record({ requests: fc.nat(1000), tokens: fc.nat(1e6), computeMs: fc.nat(1e7), tools });
  fc.assert(
    fc.property(figures, figures, (a, b) => {
      const more = {
        toolCalls: a.tools.toolCalls + b.tools.toolCalls,
        codeExecutionSeconds: a.tools.codeExecutionSeconds + b.tools.codeExecutionSeconds,
        browserSessions: a.tools.browserSessions + b.tools.browserSessions,
      };
      const sum = { requests: a.requests + b.requests, tokens: a.tokens + b.tokens, computeMs: a.computeMs + b.computeMs, tools: more };
      const cost = estimateAgentcoreCost(sum, prices);
      expect(cost).toBeGreaterThanOrEqual(estimateAgentcoreCost(a, prices));
      expect(cost).toBe(Number(cost.toFixed(9)));
    }),
  );
});

describe("a deployment", () => {
  const options = {
    driver: "aws",
    region: "eu-central-1",
    roleArn: "arn:aws:iam::123456789012:role/x",
    network: { mode: "VPC", subnets: ["subnet-1"], securityGroups: ["sg-1"] },
    sessionStorage: true,
    lifecycle: { idleTimeoutSeconds: 900, maxLifetimeSeconds: 28_800 },
  } as unknown as AgentcoreProviderOptions;
  const all = { agentcoreEnabled: true, codeInterpreterEnabled: true, browserEnabled: true };
  const input = (manifest: object = {}, more: Partial<DeployInput> = {}): DeployInput => ({
    userId: "usr_1",
    agentId: "agt_1",
    deploymentId: "dep_1",
    version: 1,
    manifest: agentManifestSchema.parse({ protocol: "invoke/v1", runtime: "agentcore", entrypoint: "a.js", ...manifest }),
    bundle: { mainModule: "a.js", modules: {}, checksum: "sha256:" },
    secrets: { revision: 0, refs: {} },
    entitlements: all,
    telemetry: { rootKeyId: "1", keyVersion: 1 },
    ...more,
  });
  const capable = (capability: string) => ({ capabilities: { streaming: false, tools: false, [capability]: true } });

  test.each<[string, DeployInput, RegExp]>([
    ["for another runtime", input({ runtime: "cloudflare" }), /manifest is for cloudflare/],
    ["without the runtime in the plan", input({}, { entitlements: { ...all, agentcoreEnabled: false } }), /AgentCore runtime/],
    [
      "without the code interpreter in the plan",
      input(capable("codeInterpreter"), { entitlements: { ...all, codeInterpreterEnabled: false } }),
      /code interpreter/,
    ],
    ["without the browser in the plan", input(capable("browser"), { entitlements: { ...all, browserEnabled: false } }), /browser/],
    ["on another port", input({ agentcore: { container: { port: 3000 } } }), /port must be 8080/],
    ["with another health check", input({ agentcore: { container: { healthcheckPath: "/up" } } }), /must be \/ping/],
    ["larger than a session", input({ agentcore: { vCpu: 4 } }), /vCpu/],
    ["with more memory than a session", input({}, { agentcore: { memoryMb: 16_384 } }), /memoryMb/],
    ["in another region", input({}, { agentcore: { region: "us-east-1" } }), /eu-central-1/],
  ])("%s is refused", (_name, refused, message) => {
    expect(() => checkDeployment(refused, options)).toThrow(message);
  });

  test("becomes a version with its image, role, network, life, prefixed variables and storage", () => {
    const made = settingsOf(
      input({ agentcore: { lifecycle: { idleTimeoutSeconds: 60 } } }, { agentcore: { idleTimeoutSeconds: 120, maxLifetimeSeconds: 600 } }),
      { API_KEY: "v" },
      "registry/x@sha256:1",
      options,
    );
    expect(made).toEqual({
      agentRuntimeArtifact: { containerConfiguration: { containerUri: "registry/x@sha256:1" } },
      roleArn: options.roleArn,
      networkConfiguration: { networkMode: "VPC", networkModeConfig: { subnets: ["subnet-1"], securityGroups: ["sg-1"] } },
      protocolConfiguration: { serverProtocol: "HTTP" },
      lifecycleConfiguration: { idleRuntimeSessionTimeout: 60, maxLifetime: 600 },
      environmentVariables: { WHS_ENV_API_KEY: "v" },
      filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
      description: "dep_1",
    });
    expect(() => settingsOf(input(), { A: "x".repeat(5001) }, "x", options)).toThrow(/secret A must be at most 5000/);
  });
});

describe("what a container answers", () => {
  const read = async (text: string, isEventStream: boolean): Promise<unknown[]> => {
    const parts = [];
    for await (const part of readAnswer(Readable.from([Buffer.from(text)]), isEventStream)) parts.push(part);
    return parts;
  };

  test("is refused when it is not the wrapper's, and never shown", async () => {
    for (const text of [
      "",
      "{",
      "[]",
      `{"output":{"text":1},"whs":{"lines":[]}}`,
      `{"output":{"text":"x"},"whs":{"lines":[],"figures":{"tokens":-1}}}`,
    ])
      await expect(read(text, false)).rejects.toMatchObject({
        kind: "runtime",
        message: "The agent's container gave an unexpected answer.",
      });
    await expect(read(`event: delta\ndata: {"text":{}}\n\n`, true)).rejects.toThrow(ProviderError);
  });

  test("may come in any pieces, cut anywhere", async () => {
    const text = `id: 1\nevent: delta\ndata: {"text":"grüße 👋"}\n\n:\n\nevent: done\ndata: {"whs":{"tokens":1,"toolCalls":0,"characters":8,"stored":false}}\n\n`;
    const whole = await read(text, true);
    expect(whole).toHaveLength(2);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 8 }), async (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), Buffer.byteLength(text)];
        const pieces = at.slice(1).map((end, index) => Buffer.from(text).subarray(at[index], end));
        const parts = [];
        for await (const part of readAnswer(Readable.from(pieces.filter(({ length }) => length > 0)), true)) parts.push(part);
        expect(parts).toEqual(whole);
      }),
    );
  });

  test("is bounded in text, messages and lines, whatever the container sends", async () => {
    const figures = { tokens: 1, toolCalls: 0, characters: 1, stored: false };
    const large = "x".repeat(8 * 1024 * 1024 + 1);
    await expect(read(JSON.stringify({ output: { text: large }, whs: { lines: [], figures } }), false)).rejects.toThrow(/larger than/);
    await expect(read(`event: delta\ndata: ${JSON.stringify({ text: large })}\n\n`, true)).rejects.toThrow(/larger than/);
    const line = { at: 1, level: "info", message: "x".repeat(20_000), traced: true };
    const events = Array.from(
      { length: 3 },
      () => `event: lines\ndata: ${JSON.stringify(Array.from({ length: 1_000 }, () => ({ ...line, message: "y" })))}\n\n`,
    );
    const parts = (await read(`event: lines\ndata: ${JSON.stringify([line])}\n\n${events.join("")}`, true)) as {
      lines: { message: string }[];
    }[];
    expect(parts.flatMap(({ lines }) => lines).length).toBe(1_300);
    expect(parts[0]?.lines[0]?.message.length).toBe(8 * 1024);
  });
});

test("stateless calls share warm containers, and leave one that broke", () => {
  const warm = new WarmSessions();
  const leases = Array.from({ length: 12 }, () => warm.lease("dep_1"));
  expect(new Set(leases.map(({ id }) => id)).size).toBe(2);
  expect(warm.lease("dep_2").id).not.toBe(leases[0]?.id);
  for (const lease of leases) lease.end("usable");
  expect(warm.lease("dep_1").id).toBe(leases[0]?.id);
  warm.lease("dep_1").end("broken");
  expect(warm.lease("dep_1").id).not.toBe(leases[0]?.id);
});
