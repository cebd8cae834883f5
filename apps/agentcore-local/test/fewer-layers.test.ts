import { StartBrowserSessionCommand, StartCodeInterpreterSessionCommand } from "@aws-sdk/client-bedrock-agentcore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestAgent } from "@whs/runtimes/conformance";
import { openAdapter } from "./adapter.ts";
import { EVALUATOR, LocalService, newSessionId } from "./local-service.ts";

/** Where there is no bubblewrap: everything works, is labelled as what it is, and tools that run foreign code are not there. */
describe("a service without sandboxes", () => {
  let local: LocalService;
  let arn: string;

  beforeAll(async () => {
    local = await LocalService.start({ AGENTCORE_LOCAL_SANDBOX: "none" });
    ({ arn } = await local.create("plain", await local.pushProgram("agents/plain", EVALUATOR), {
      environmentVariables: { GREETING: "hello" },
      filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
    }));
  });
  afterAll(() => local.close());

  test("says so in its notes", () => {
    expect(local.service.notes).toContainEqual(expect.stringMatching(/^MISSING: sandbox per session: .*unisolated/));
    expect(local.service.notes).toContainEqual(expect.stringMatching(/^MISSING: filesystem and namespaces: switched off/));
  });

  test("runs sessions, each a process of its own that ends with its session", async () => {
    const [one, other] = [newSessionId(), newSessionId()];
    const run = async (code: string, id: string) => JSON.parse(await local.invoke(arn, { run: code }, id)) as unknown;
    const pids = [await run("state.n = 1; return process.pid;", one), await run("return process.pid;", other)];
    expect(pids[0]).not.toBe(pids[1]);
    expect([
      await run("return [state.n, process.env.GREETING];", one),
      await run("return [state.n, process.env.GREETING];", other),
    ]).toEqual([
      [1, "hello"],
      [0, "hello"],
    ]);
    expect(await run("return Object.keys(process.env).filter((name) => name.startsWith('AGENTCORE'));", one)).toEqual([]);
    await local.service.stopSessions();
    for (const pid of pids) expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
  });

  test("serves agents by the driver, with sessions that keep what they store", async () => {
    const target = openAdapter(local);
    const agent = new TestAgent(target, {});
    await agent.deploy(
      `export default { async invoke({ session }) { const n = (await session.storage.get("n") ?? 0) + 1; await session.storage.put("n", n); return "turn " + n; } };`,
      { sessionful: true },
    );
    const turn = async (sessionId: string) => (await agent.invoke("x", { providerSessionId: sessionId })).output.text;
    expect([await turn("ses_one"), await turn("ses_one"), await turn("ses_other")]).toEqual(["turn 1", "turn 2", "turn 1"]);
    await target.close();
  }, 120_000);

  test("does not run foreign code by request", async () => {
    const expected = { name: "AccessDeniedException", message: expect.stringContaining("bubblewrap") };
    await expect(
      local.data.send(new StartCodeInterpreterSessionCommand({ codeInterpreterIdentifier: "aws.codeinterpreter.v1" })),
    ).rejects.toMatchObject(expected);
    await expect(local.data.send(new StartBrowserSessionCommand({ browserIdentifier: "aws.browser.v1" }))).rejects.toMatchObject(expected);
  });
});
