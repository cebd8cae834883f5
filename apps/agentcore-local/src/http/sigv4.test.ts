import { InvokeAgentRuntimeCommand, BedrockAgentCoreClient } from "@aws-sdk/client-bedrock-agentcore";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Expected, type SignedRequest, verifySignature } from "./sigv4.ts";

const credentials = { accessKeyId: "test-access-key", secretAccessKey: "test-secret-access-key" };
const expected = (nowMs = Date.now()): Expected => ({ credentials, region: "us-east-1", services: ["bedrock-agentcore"], nowMs });

/** What the official client would send. */
async function signed(payload: Uint8Array, arn: string, qualifier: string, keys = credentials): Promise<SignedRequest> {
  let captured: SignedRequest | null = null;
  const client = new BedrockAgentCoreClient({
    region: "us-east-1",
    endpoint: "http://127.0.0.1:8790",
    credentials: keys,
    maxAttempts: 1,
    requestHandler: {
      handle: (request: {
        method: string;
        path: string;
        query: Record<string, string>;
        headers: Record<string, string>;
        body: Uint8Array;
      }) => {
        const query = new URLSearchParams(request.query).toString().replaceAll("+", "%20");
        const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]));
        captured = { method: request.method, url: `${request.path}?${query}`, headers, body: Buffer.from(request.body) };
        return Promise.reject(new Error("captured"));
      },
    },
  });
  const sessionId = "session-of-at-least-thirty-three-characters";
  await expect(
    client.send(new InvokeAgentRuntimeCommand({ agentRuntimeArn: arn, payload, qualifier, runtimeSessionId: sessionId })),
  ).rejects.toThrow("captured");
  if (captured === null) throw new Error("The client sent nothing.");
  return captured;
}

const ARN = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/agent-0123456789";

test("what the official client signs is accepted, whatever is in path, query and body", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ minLength: 1, unit: "grapheme" }),
      fc.string({ minLength: 1 }),
      async (payload, name, qualifier) => {
        const request = await signed(payload, `${ARN}/${name}`, qualifier);
        await expect(verifySignature(request, expected())).resolves.toBe("bedrock-agentcore");
      },
    ),
    { numRuns: 60 },
  );
});

describe("a signed request", () => {
  let request: SignedRequest;
  beforeAll(async () => {
    request = await signed(Buffer.from('{"prompt":"hello"}'), ARN, "live");
  });

  const changed: [string, (request: SignedRequest) => SignedRequest][] = [
    ["another method", (one) => ({ ...one, method: "PUT" })],
    ["another path", (one) => ({ ...one, url: one.url.replace("agent-0", "agent-1") })],
    ["another query", (one) => ({ ...one, url: one.url.replace("live", "dead") })],
    ["a further query", (one) => ({ ...one, url: `${one.url}&accountId=1` })],
    [
      "another session",
      (one) => ({
        ...one,
        headers: { ...one.headers, "x-amzn-bedrock-agentcore-runtime-session-id": "another-session-of-thirty-three-chars" },
      }),
    ],
    ["another host", (one) => ({ ...one, headers: { ...one.headers, host: "elsewhere" } })],
    ["a body", (one) => ({ ...one, body: Buffer.from('{"prompt":"hellp"}') })],
    ["no body", (one) => ({ ...one, body: Buffer.alloc(0) })],
    [
      "a declared hash that is not the body's",
      (one) => ({ ...one, headers: { ...one.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } }),
    ],
  ];
  test.each(changed)("is refused with %s", async (_what, change) => {
    await expect(verifySignature(change(request), expected())).rejects.toMatchObject({ type: "InvalidSignatureException" });
  });

  test("is refused when any character of its signature is another", async () => {
    const authorization = request.headers.authorization ?? "";
    const start = authorization.indexOf("Signature=") + "Signature=".length;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(63),
        fc.nat(15).map((value) => value.toString(16)),
        async (at, digit) => {
          fc.pre(authorization[start + at] !== digit);
          const forged = authorization.slice(0, start + at) + digit + authorization.slice(start + at + 1);
          const headers = { ...request.headers, authorization: forged };
          await expect(verifySignature({ ...request, headers }, expected())).rejects.toMatchObject({ type: "InvalidSignatureException" });
        },
      ),
    );
  });

  test.each([
    ["six minutes later", 6 * 60_000],
    ["six minutes before", -6 * 60_000],
  ])("is refused %s", async (_when, offsetMs) => {
    await expect(verifySignature(request, expected(Date.now() + offsetMs))).rejects.toThrow(/expired/);
  });

  test("is refused for another region or service, and from another key", async () => {
    await expect(verifySignature(request, { ...expected(), region: "eu-west-1" })).rejects.toThrow(/region/);
    await expect(verifySignature(request, { ...expected(), services: ["logs"] })).rejects.toThrow(/service/);
    const other = await signed(Buffer.from("{}"), ARN, "live", { ...credentials, accessKeyId: "another-key" });
    await expect(verifySignature(other, expected())).rejects.toMatchObject({ type: "UnrecognizedClientException" });
    const wrongSecret = await signed(Buffer.from("{}"), ARN, "live", { ...credentials, secretAccessKey: "another-secret-access-key" });
    await expect(verifySignature(wrongSecret, expected())).rejects.toMatchObject({ type: "InvalidSignatureException" });
  });

  test("is refused without its time or host among the signed headers", async () => {
    for (const name of ["host", "x-amz-date"]) {
      const authorization = (request.headers.authorization ?? "").replace(new RegExp(`(SignedHeaders=[^,]*?);?${name}`), "$1");
      await expect(verifySignature({ ...request, headers: { ...request.headers, authorization } }, expected())).rejects.toThrow(
        /must be signed|not a signature/,
      );
    }
  });

  test("is refused without a signature, or with something else in its place", async () => {
    const { authorization: _signature, ...unsigned } = request.headers;
    await expect(verifySignature({ ...request, headers: unsigned }, expected())).rejects.toMatchObject({
      type: "MissingAuthenticationTokenException",
    });
    for (const authorization of ["Bearer x", "AWS4-HMAC-SHA256 ", `${request.headers.authorization} x`])
      await expect(verifySignature({ ...request, headers: { ...unsigned, authorization } }, expected())).rejects.toMatchObject({
        type: "InvalidSignatureException",
      });
  });
});
