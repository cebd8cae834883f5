import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const minimal = {
  AGENTCORE_LOCAL_ACCESS_KEY_ID: "an-access-key",
  AGENTCORE_LOCAL_SECRET_ACCESS_KEY: "a-secret-access-key",
  WHS_DATA_DIR: "/tmp/data",
};

test("everything but the credentials has a default", () => {
  expect(readConfig(minimal)).toMatchObject({
    host: "127.0.0.1",
    port: 8790,
    region: "us-east-1",
    folder: "/tmp/data/agentcore",
    runDir: "/tmp/data/run/agentcore",
  });
});

test.each([
  [{}, "AGENTCORE_LOCAL_ACCESS_KEY_ID"],
  [{ ...minimal, AGENTCORE_LOCAL_SECRET_ACCESS_KEY: "short" }, "AGENTCORE_LOCAL_SECRET_ACCESS_KEY"],
  [{ ...minimal, AGENTCORE_LOCAL_REGION: "here" }, "AGENTCORE_LOCAL_REGION"],
  [{ ...minimal, AGENTCORE_PORT: "70000" }, "AGENTCORE_PORT"],
  [{ ...minimal, AGENTCORE_LOCAL_SANDBOX: "chroot" }, "AGENTCORE_LOCAL_SANDBOX"],
  [{ ...minimal, WHS_RUN_DIR: `/tmp/${"x".repeat(90)}` }, "WHS_RUN_DIR"],
])("a bad value stops the start and is named", (environment, name) => {
  expect(() => readConfig(environment)).toThrow(name);
});
