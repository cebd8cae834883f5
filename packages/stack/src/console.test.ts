import { expect, test } from "vitest";
import { startedMessage } from "./console.ts";
import type { Stack } from "./stack.ts";

function stackOf(whs: string, web?: string): Stack {
  const running = (title: string, url: string, notes: string[] = []) => ({
    title,
    pid: 1,
    state: "ready" as const,
    readiness: { url, notes },
    logFile: "",
    restart: () => Promise.reject(new Error("not in this test")),
  });
  return {
    endpoints: { whs, ...(web === undefined ? {} : { web }) },
    dataDir: "/data",
    secrets: {
      AGENTCORE_LOCAL_ACCESS_KEY_ID: "",
      AGENTCORE_LOCAL_SECRET_ACCESS_KEY: "",
      BETTER_AUTH_SECRET: "",
      FLEETPROMPT_INTERNAL_REDEEM_SECRET: "",
      POSTGRES_PASSWORD: "",
      WEB_SESSION_SECRET: "",
      WHS_DELEGATION_SECRET: "",
      WHS_OPERATOR_TOKEN: "",
    },
    processes: {
      postgres: running("PostgreSQL", "postgresql://whs:s3cret@127.0.0.1:54329/whs"),
      supervisor: running("Data plane", "unix:/run/supervisor.sock", ["on: memory limit: 512 MB"]),
      whs: running("WHS API", whs),
    },
    stop: () => Promise.resolve(),
  };
}

test("people see where everything is and which isolation layers are on, but no password", () => {
  const text = startedMessage(stackOf("http://127.0.0.1:8787"), 1.234);
  expect(text).toContain("Ready in 1.2 s.");
  expect(text).toContain("  PostgreSQL  postgresql://whs@127.0.0.1:54329/whs\n");
  expect(text).toContain("  Data plane  unix:/run/supervisor.sock\n");
  expect(text).toContain("  on: memory limit: 512 MB\n");
  expect(text).toContain("  npx whs deploy\n");
  expect(text).not.toContain("s3cret");
});

test("the first step names the address only when the command line would not find it by itself", () => {
  expect(startedMessage(stackOf("http://127.0.0.1:8787"), 1)).not.toContain("WHS_API_URL");
  expect(startedMessage(stackOf("http://127.0.0.1:9999"), 1)).toContain("  export WHS_API_URL=http://127.0.0.1:9999\n");
});

test("the web is the first step where it runs, and the command line the second", () => {
  const text = startedMessage(stackOf("http://127.0.0.1:8787", "http://127.0.0.1:5173"), 1);
  expect(text).toMatch(/open http:\/\/127\.0\.0\.1:5173 in a browser and sign up there[^]*npx whs login/);
  expect(startedMessage(stackOf("http://127.0.0.1:8787"), 1)).not.toContain("in a browser");
});
