import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EVALUATOR, LocalService, newSessionId } from "./local-service.ts";

describe("sessions of a runtime", () => {
  let local: LocalService;
  let runtime: { id: string; arn: string };

  beforeAll(async () => {
    local = await LocalService.start();
    runtime = await local.create("evaluator", await local.push("agents/evaluator", EVALUATOR), {
      environmentVariables: { GREETING: "hello" },
    });
  });
  afterAll(() => local.close());

  test("a session keeps its state from request to request, and shares it with no other", async () => {
    const [one, other] = [newSessionId(), newSessionId()];
    const count = { run: "return (state.n += 1);" };
    expect([
      await local.invoke(runtime.arn, count, one),
      await local.invoke(runtime.arn, count, one),
      await local.invoke(runtime.arn, count, other),
    ]).toEqual(["1", "2", "1"]);
  });
});
