import {
  type CodeInterpreterResult,
  GetCodeInterpreterSessionCommand,
  GetCodeInterpreterSessionResponse$,
  InvokeCodeInterpreterCommand,
  type InvokeCodeInterpreterCommandInput,
  ListCodeInterpreterSessionsCommand,
  ListCodeInterpreterSessionsResponse$,
  StartCodeInterpreterSessionCommand,
  StartCodeInterpreterSessionResponse$,
  StopCodeInterpreterSessionCommand,
  StopCodeInterpreterSessionResponse$,
} from "@aws-sdk/client-bedrock-agentcore";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LocalService } from "./local-service.ts";
import { expectShape } from "./shapes.ts";

const codeInterpreterIdentifier = "aws.codeinterpreter.v1";

describe("code interpreter sessions, by the official SDK", () => {
  let local: LocalService;
  let sessionId: string;

  beforeAll(async () => {
    local = await LocalService.start({ AGENTCORE_LOCAL_MAX_TOOL_SESSIONS: "2", AGENTCORE_LOCAL_MEMORY_MB: "512" });
    ({ sessionId } = await start());
  });
  afterAll(() => local.close());

  async function start(more: { sessionTimeoutSeconds?: number; clientToken?: string } = {}): Promise<{ sessionId: string }> {
    const started = await local.data.send(new StartCodeInterpreterSessionCommand({ codeInterpreterIdentifier, name: "sums", ...more }));
    expectShape(StartCodeInterpreterSessionResponse$, started);
    return { sessionId: started.sessionId ?? "" };
  }

  async function call(
    name: InvokeCodeInterpreterCommandInput["name"],
    args: InvokeCodeInterpreterCommandInput["arguments"],
    id = sessionId,
  ): Promise<CodeInterpreterResult> {
    const { stream, sessionId: answered } = await local.data.send(
      new InvokeCodeInterpreterCommand({ codeInterpreterIdentifier, sessionId: id, name, arguments: args }),
    );
    expect(answered).toBe(id);
    const results: CodeInterpreterResult[] = [];
    for await (const event of stream ?? []) if (event.result !== undefined) results.push(event.result);
    expect(results).toHaveLength(1);
    return results[0] as CodeInterpreterResult;
  }
  const python = (code: string, id = sessionId) => call("executeCode", { code, language: "python" }, id);
  const javascript = (code: string) => call("executeCode", { code, language: "javascript" });

  test("Python keeps what it defined, shows its last value, and forgets when it is told to", async () => {
    expect(await python("x = 20\nprint('set')")).toMatchObject({
      isError: false,
      content: [{ type: "text", text: "set\n" }],
      structuredContent: { stdout: "set\n", stderr: "", exitCode: 0 },
    });
    expect(await python("x + 22")).toMatchObject({ structuredContent: { stdout: "42\n" } });
    const cleared = await call("executeCode", { code: "x", language: "python", clearContext: true });
    expect(cleared).toMatchObject({ isError: true, structuredContent: { exitCode: 1 } });
    expect(cleared.structuredContent?.stderr).toContain("NameError");
  });

  test("JavaScript and TypeScript do so too, with await", async () => {
    await javascript("const base = 40; let more = 2;");
    expect(await javascript("console.log('sum'); base + more")).toMatchObject({ structuredContent: { stdout: "sum\n42\n" } });
    expect(await javascript("return_ = await Promise.resolve(7); console.log(return_)")).toMatchObject({
      isError: false,
      structuredContent: { stdout: "7\n" },
    });
    expect(await call("executeCode", { code: "const n: number = 3; n * base", language: "typescript" })).toMatchObject({
      structuredContent: { stdout: "120\n" },
    });
    expect((await javascript("throw new Error('mine')")).structuredContent?.stderr).toContain("Error: mine");
  });

  test("files go in and out, as text and as bytes, and stay in their place", async () => {
    const blob = Buffer.from([0, 1, 2, 255]);
    await call("writeFiles", {
      content: [
        { path: "data/in.csv", text: "a,b\n1,2\n" },
        { path: "raw.bin", blob },
      ],
    });
    expect((await python("print(open('data/in.csv').read().splitlines()[1])")).structuredContent?.stdout).toBe("1,2\n");
    const { content } = await call("readFiles", { paths: ["data/in.csv", "raw.bin"] });
    expect(content?.map(({ resource }) => [resource?.type, resource?.mimeType, resource?.text])).toEqual([
      ["text", "text/csv", "a,b\n1,2\n"],
      ["blob", "application/octet-stream", undefined],
    ]);
    expect(Buffer.from(content?.[1]?.resource?.blob ?? [])).toEqual(blob);
    expect((await call("listFiles", { directoryPath: "" })).content?.map(({ name, description }) => [name, description])).toEqual([
      ["data", "Directory"],
      ["raw.bin", "File"],
    ]);
    await call("removeFiles", { paths: ["data"] });
    expect((await call("listFiles", {})).content?.map(({ name }) => name)).toEqual(["raw.bin"]);
    for (const path of ["/etc/passwd", "../../etc/passwd", "nothing"])
      expect(await call("readFiles", { paths: [path] })).toMatchObject({ isError: true });
  });

  test("commands run to their end, or as tasks that can be asked for and stopped", async () => {
    expect(await call("executeCommand", { command: "echo out; echo err >&2; exit 3" })).toMatchObject({
      isError: true,
      structuredContent: { stdout: "out\n", stderr: "err\n", exitCode: 3 },
    });
    const short = (await call("startCommandExecution", { command: "echo done" })).structuredContent?.taskId;
    await expect
      .poll(async () => (await call("getTask", { taskId: short })).structuredContent)
      .toMatchObject({ taskStatus: "completed", stdout: "done\n" });
    const long = (await call("startCommandExecution", { command: "sleep 1000" })).structuredContent?.taskId;
    expect((await call("getTask", { taskId: long })).structuredContent?.taskStatus).toBe("working");
    expect((await call("stopTask", { taskId: long })).structuredContent?.taskStatus).toBe("canceled");
  });

  test("code reaches neither a network, nor this machine's files, nor another session, and too much memory ends only itself", async () => {
    expect((await python("import socket\nsocket.create_connection(('1.1.1.1', 53), 2)")).structuredContent?.stderr).toMatch(/unreachable/i);
    expect(
      (await call("executeCommand", { command: `ls ${local.folder} /root /home /work 2>&1; id -u; cat /etc/shadow` })).structuredContent
        ?.stdout,
    ).not.toMatch(/state\.sqlite|\nroot/);
    const other = await start();
    await call("writeFiles", { content: [{ path: "mine", text: "secret" }] });
    expect((await call("listFiles", {}, other.sessionId)).content).toEqual([]);
    await expect(
      python("x = []\nwhile True: x.append(bytearray(50_000_000))", other.sessionId).catch((error: Error) => ({
        isError: error.name !== "",
      })),
    ).resolves.toMatchObject({ isError: true });
    expect((await python("1 + 1")).structuredContent?.stdout).toBe("2\n");
    await local.data.send(new StopCodeInterpreterSessionCommand({ codeInterpreterIdentifier, sessionId: other.sessionId }));
  });

  test("sessions are found, listed, repeated by their token, bounded in number, and end by request or by time", async () => {
    const clientToken = crypto.randomUUID();
    const second = await start({ clientToken, sessionTimeoutSeconds: 100 });
    expect(await start({ clientToken, sessionTimeoutSeconds: 100 })).toEqual(second);
    await expect(start()).rejects.toMatchObject({ name: "ServiceQuotaExceededException" });
    const query = { codeInterpreterIdentifier, sessionId: second.sessionId };
    const found = await local.data.send(new GetCodeInterpreterSessionCommand(query));
    expectShape(GetCodeInterpreterSessionResponse$, found);
    expect(found).toMatchObject({ status: "READY", name: "sums", sessionTimeoutSeconds: 100 });
    local.aheadMs = 101_000;
    await local.service.sweep();
    local.aheadMs = 0;
    expect((await local.data.send(new GetCodeInterpreterSessionCommand(query))).status).toBe("TERMINATED");
    await expect(python("1", second.sessionId)).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    const third = await start();
    const stopped = await local.data.send(new StopCodeInterpreterSessionCommand({ codeInterpreterIdentifier, sessionId: third.sessionId }));
    expectShape(StopCodeInterpreterSessionResponse$, stopped);
    const listed = await local.data.send(new ListCodeInterpreterSessionsCommand({ codeInterpreterIdentifier, status: "READY" }));
    expectShape(ListCodeInterpreterSessionsResponse$, listed);
    expect(listed.items?.map((item) => item.sessionId)).toEqual([sessionId]);
    await expect(local.data.send(new StartCodeInterpreterSessionCommand({ codeInterpreterIdentifier: "other" }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
  });
});
