import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const minimal = { WHS_API_URL: "http://127.0.0.1:8787/", WHS_DATA_DIR: "/tmp/data" };

test("everything but the control plane's address has a default", () => {
  const config = readConfig(minimal);
  expect(config).toMatchObject({
    apiUrl: "http://127.0.0.1:8787",
    runDir: "/tmp/data/run",
    socketPath: "/tmp/data/run/supervisor.sock",
    secrets: { url: "local:", masterKeyFile: "/tmp/data/master.key" },
  });
});

test("a node with a name keeps what is its own apart from what it shares", () => {
  expect(readConfig({ ...minimal, WHS_NODE: "a" })).toMatchObject({
    socketPath: "/tmp/data/run/a/supervisor.sock",
    storageDir: "/tmp/data/dataplane",
    nodeDir: "/tmp/data/dataplane/nodes/a",
  });
});

test.each([
  [{}, "WHS_API_URL"],
  [{ ...minimal, WHS_NODE: "A/.." }, "WHS_NODE"],
  [{ ...minimal, WHS_CELL_EGRESS_DNS: "dns.example.com" }, "WHS_CELL_EGRESS_DNS"],
  [{ ...minimal, WHS_CELL_EGRESS_DNS: "10.0.0.1:53,10.0.0.2:x" }, "WHS_CELL_EGRESS_DNS"],
  [{ ...minimal, WHS_API_URL: "ftp://x" }, "WHS_API_URL"],
  [{ ...minimal, WHS_CELL_MEMORY_MB: "much" }, "WHS_CELL_MEMORY_MB"],
  [{ ...minimal, WHS_CELL_MEMORY_MB: "1" }, "WHS_CELL_MEMORY_MB"],
  [{ ...minimal, WHS_CELL_SANDBOX: "docker" }, "WHS_CELL_SANDBOX"],
  [{ ...minimal, WHS_PRICE_MILLION_TOKENS: "-1" }, "WHS_PRICE_MILLION_TOKENS"],
  [{ ...minimal, WHS_RUN_DIR: `/tmp/${"x".repeat(90)}` }, "WHS_RUN_DIR"],
])("a bad value stops the start and is named", (environment, name) => {
  expect(() => readConfig(environment)).toThrow(name);
});
