import path from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./child.ts";
import { readStackConfig } from "./config.ts";

test("an empty environment means the documented ports and .whs in the project's folder", () => {
  const { dataDir, ports } = readStackConfig({});
  expect(dataDir).toBe(path.join(ROOT, ".whs"));
  expect(ports).toEqual({
    PG_PORT: 54_329,
    IDENTITY_PORT: 8786,
    WHS_PORT: 8787,
    FLEETPROMPT_PORT: 8788,
    WEB_PORT: 8789,
    AGENTCORE_PORT: 8790,
    METRICS_PORT: 8791,
  });
});

test.each(["-1", "65536", "http", "1.5"])("a port of %s stops the start with the variable's name", (value) => {
  expect(() => readStackConfig({ WHS_PORT: value })).toThrow("WHS_PORT");
});
