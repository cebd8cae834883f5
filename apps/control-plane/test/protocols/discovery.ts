import { describe, expect, it } from "vitest";
import type { ProtocolBed } from "../protocol-bed.ts";

/** Whoever knows the address alone learns what there is. */
export function describeDiscovery(bedOf: () => ProtocolBed): void {
  const get = (path: string) => fetch(bedOf().plane.url + path);

  describe("discovery, without a credential", () => {
    it("tells language models the doors that there are", async () => {
      const response = await get("/llms.txt");
      expect(response.headers.get("content-type")).toContain("text/plain");
      const text = await response.text();
      expect(text).toMatch(/^# .+\n\n> /);
      const urls = [...text.matchAll(/\]\((http[^)]+)\)/g)].map(([, url]) => new URL(url ?? ""));
      expect(urls.length).toBeGreaterThan(5);
      // A path that nothing is at is 404; these want another method, a credential, or nothing.
      const statuses = await Promise.all(urls.map(async (url) => (await fetch(url)).status));
      for (const status of statuses) expect([200, 401, 405]).toContain(status);
    });

    it("lists the APIs, each with its description", async () => {
      const response = await get("/.well-known/api-catalog");
      expect(response.headers.get("content-type")).toContain("application/linkset+json");
      const { linkset } = (await response.json()) as { linkset: { anchor: string; "service-desc": { href: string }[] }[] };
      expect(linkset.map(({ anchor }) => new URL(anchor).pathname)).toEqual(["/v1", "/mcp", "/a2a", "/ag-ui"]);
      const [first] = linkset[0]?.["service-desc"] ?? [];
      expect(await (await fetch(first?.href ?? "")).json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
    });
  });
}
