import { type AnswerOf, type getRuntimeStack, protocolEndpoints, whsEndpoints } from "@whs/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startControlPlane, type TestControlPlane } from "./harness.ts";

type Stack = AnswerOf<typeof getRuntimeStack>;

let plane: TestControlPlane;
beforeAll(async () => {
  plane = await startControlPlane({ dataPlane: true });
});
afterAll(() => plane.close());

const stack = async (): Promise<Stack> => (await (await plane.user()).request<Stack>("GET", "/v1/runtime/stack")).body;

describe("the runtime stack", () => {
  it("names what runs, with versions that the components report, and which isolation is on", async () => {
    const observed = await stack();
    expect(observed).toMatchObject({
      apiVersion: "1.0",
      mode: "local",
      protocols: ["invoke/v1"],
      providers: { cloudflare: { driver: "workerd", workerd: expect.stringMatching(/^1\.\d{8}\.\d+/) }, agentcore: null },
    });
    expect(observed.components.map(({ name, status }) => [name, status])).toEqual([
      ["gateway", "up"],
      ["provisioner", "up"],
      ["agent", "up"],
      ["runtime-node", "up"],
    ]);
    const offered = (name: string) => observed.components.find((component) => component.name === name)?.capabilities;
    expect(offered("gateway")).toEqual(expect.arrayContaining(["streaming", "sessions"]));
    expect(offered("provisioner")).toEqual(["uploaded_bundle", "repo_ref"]);
    expect(observed.components.map(({ version }) => version)).toEqual(
      Array.from({ length: 4 }, () => expect.stringMatching(/^\d+\.\d+\.\d+/)),
    );
    expect(observed.providers.cloudflare?.isolation.map((layer) => layer.layer).length).toBeGreaterThan(3);
  });

  it("says of a component that it is down, and readiness says so too", async () => {
    expect((await fetch(`${plane.url}/readyz`)).status).toBe(200);
    await plane.supervisor().kill("SIGKILL");
    const observed = await stack();
    expect(observed.components.filter(({ status }) => status === "down").map(({ name }) => name)).toEqual(["agent", "runtime-node"]);
    expect(observed.providers.cloudflare?.workerd).toBeNull();
    const ready = await fetch(`${plane.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ error: { code: "UNAVAILABLE", details: { failing: ["dataPlane"] }, retryable: true } });
    expect((await fetch(`${plane.url}/healthz`)).status).toBe(200);
  });

  it("is for those who are signed in", async () => {
    expect((await plane.as(undefined)("GET", "/v1/runtime/stack")).status).toBe(401);
  });

  it("binds every endpoint that it describes", async () => {
    const unbound = Object.values({ ...whsEndpoints, ...protocolEndpoints }).filter(
      ({ method, path }) => !plane.app.server.hasRoute({ method, url: path.replaceAll(/\{(\w+)\}/g, ":$1") }),
    );
    expect(unbound.map(({ name }) => name)).toEqual([]);
  });

  it("serves a description of the API and a page to read it", async () => {
    const document = (await (await fetch(`${plane.url}/openapi.json`)).json()) as { openapi: string; paths: Record<string, unknown> };
    expect(document.openapi).toBe("3.1.0");
    expect(document.paths).toHaveProperty("/v1/invoke/{agentId}");
    const page = await fetch(`${plane.url}/docs`);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");
  });
});
