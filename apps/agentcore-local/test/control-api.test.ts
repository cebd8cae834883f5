import {
  type BedrockAgentCoreControlClient,
  ConflictException,
  CreateAgentRuntimeCommand,
  CreateAgentRuntimeEndpointCommand,
  CreateAgentRuntimeEndpointResponse$,
  CreateAgentRuntimeResponse$,
  DeleteAgentRuntimeCommand,
  DeleteAgentRuntimeEndpointCommand,
  DeleteAgentRuntimeEndpointResponse$,
  DeleteAgentRuntimeResponse$,
  GetAgentRuntimeCommand,
  GetAgentRuntimeEndpointCommand,
  GetAgentRuntimeEndpointResponse$,
  GetAgentRuntimeResponse$,
  ListAgentRuntimeEndpointsCommand,
  ListAgentRuntimeEndpointsResponse$,
  ListAgentRuntimesCommand,
  ListAgentRuntimesResponse$,
  ListAgentRuntimeVersionsCommand,
  ListAgentRuntimeVersionsResponse$,
  ListTagsForResourceCommand,
  ResourceNotFoundException,
  ServiceQuotaExceededException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAgentRuntimeCommand,
  UpdateAgentRuntimeEndpointCommand,
  UpdateAgentRuntimeEndpointResponse$,
  UpdateAgentRuntimeResponse$,
  ValidationException,
} from "@aws-sdk/client-bedrock-agentcore-control";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientsOf, CREDENTIALS, LocalService, ROLE } from "./local-service.ts";
import { expectShape } from "./shapes.ts";

/** The SDK retries nothing here, so that every answer is one of the service's. */
describe("the control API, by the official SDK", () => {
  let local: LocalService;
  let control: BedrockAgentCoreControlClient;
  let containerUri: string;

  beforeAll(async () => {
    local = await LocalService.start({ AGENTCORE_LOCAL_MAX_ENDPOINTS: "3", AGENTCORE_LOCAL_MAX_RUNTIMES: "20" });
    control = local.control;
    containerUri = await local.pushEmpty("agents/one");
  });
  afterAll(() => local.close());

  const settings = (name: string, uri = containerUri) => ({
    agentRuntimeName: name,
    agentRuntimeArtifact: { containerConfiguration: { containerUri: uri } },
    roleArn: ROLE,
    networkConfiguration: { networkMode: "PUBLIC" as const },
  });
  const update = (agentRuntimeId: string, uri = containerUri) => {
    const { agentRuntimeName: _name, ...rest } = settings("x", uri);
    return new UpdateAgentRuntimeCommand({ agentRuntimeId, ...rest });
  };

  test("a runtime is created, becomes ready with its default endpoint, and is what was asked for", async () => {
    const environmentVariables = { GREETING: "hello", EMPTY: "" };
    const created = await control.send(
      new CreateAgentRuntimeCommand({
        ...settings("complete"),
        description: "An agent",
        environmentVariables,
        lifecycleConfiguration: { idleRuntimeSessionTimeout: 120, maxLifetime: 3600 },
        protocolConfiguration: { serverProtocol: "HTTP" },
        filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
        tags: { agentId: "agt_1" },
      }),
    );
    expectShape(CreateAgentRuntimeResponse$, created);
    expect(created).toMatchObject({ status: "CREATING", agentRuntimeVersion: "1", $metadata: { httpStatusCode: 202 } });
    await local.ready(created.agentRuntimeId);
    const agentRuntimeId = created.agentRuntimeId ?? "";
    const runtime = await control.send(new GetAgentRuntimeCommand({ agentRuntimeId }));
    expectShape(GetAgentRuntimeResponse$, runtime);
    expect(runtime).toMatchObject({
      agentRuntimeName: "complete",
      agentRuntimeArtifact: { containerConfiguration: { containerUri } },
      environmentVariables,
      lifecycleConfiguration: { idleRuntimeSessionTimeout: 120, maxLifetime: 3600 },
      filesystemConfigurations: [{ sessionStorage: { mountPath: "/mnt/session" } }],
      roleArn: ROLE,
      description: "An agent",
      status: "READY",
    });
    const endpoint = await control.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId, endpointName: "DEFAULT" }));
    expectShape(GetAgentRuntimeEndpointResponse$, endpoint);
    expect(endpoint).toMatchObject({ name: "DEFAULT", status: "READY", liveVersion: "1", targetVersion: "1" });
    expect(await control.send(new ListTagsForResourceCommand({ resourceArn: created.agentRuntimeArn }))).toMatchObject({
      tags: { agentId: "agt_1" },
    });
  });

  test("an update makes a version, which the default endpoint follows and a named one does not", async () => {
    const { id, arn } = await local.create("versions", containerUri);
    const endpoint = await control.send(
      new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "first", agentRuntimeVersion: "1" }),
    );
    expectShape(CreateAgentRuntimeEndpointResponse$, endpoint);
    await local.endpointReady(id, "first");
    const updated = await control.send(update(id, await local.pushEmpty("agents/two")));
    expectShape(UpdateAgentRuntimeResponse$, updated);
    expect(updated).toMatchObject({ agentRuntimeVersion: "2", status: "UPDATING" });
    await local.ready(id);
    const liveOf = async (endpointName: string) =>
      (await control.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName }))).liveVersion;
    expect([await liveOf("DEFAULT"), await liveOf("first")]).toEqual(["2", "1"]);
    const old = await control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" }));
    expect(old.agentRuntimeArtifact).toEqual({ containerConfiguration: { containerUri } });
    const versions = await control.send(new ListAgentRuntimeVersionsCommand({ agentRuntimeId: id }));
    expectShape(ListAgentRuntimeVersionsResponse$, versions);
    expect(versions.agentRuntimes?.map(({ agentRuntimeVersion }) => agentRuntimeVersion)).toEqual(["1", "2"]);

    const moved = await control.send(
      new UpdateAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "first", agentRuntimeVersion: "2" }),
    );
    expectShape(UpdateAgentRuntimeEndpointResponse$, moved);
    expect(moved).toMatchObject({ status: "UPDATING", liveVersion: "1", targetVersion: "2" });
    await local.endpointReady(id, "first");
    expect(await liveOf("first")).toBe("2");
    const listed = await control.send(new ListAgentRuntimeEndpointsCommand({ agentRuntimeId: id }));
    expectShape(ListAgentRuntimeEndpointsResponse$, listed);
    expect(listed.runtimeEndpoints?.map(({ name }) => name)).toEqual(["DEFAULT", "first"]);

    const resourceArn = `${arn}/runtime-endpoint/first`;
    await control.send(new TagResourceCommand({ resourceArn, tags: { deploymentId: "dep_1", stage: "live" } }));
    await control.send(new UntagResourceCommand({ resourceArn, tagKeys: ["stage"] }));
    expect((await control.send(new ListTagsForResourceCommand({ resourceArn }))).tags).toEqual({ deploymentId: "dep_1" });

    const deleted = await control.send(new DeleteAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "first" }));
    expectShape(DeleteAgentRuntimeEndpointResponse$, deleted);
    await expect
      .poll(() =>
        control.send(new GetAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "first" })).then(
          () => "there",
          (error: Error) => error.name,
        ),
      )
      .toBe("ResourceNotFoundException");
    await control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" }));
    await expect
      .poll(() =>
        control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "1" })).then(
          () => "there",
          (error: Error) => error.name,
        ),
      )
      .toBe("ResourceNotFoundException");
    await expect(control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id, agentRuntimeVersion: "2" }))).rejects.toBeInstanceOf(
      ConflictException,
    );
  });

  test("a runtime that is deleted is gone with all that it had, and its name is free again", async () => {
    const { id, arn } = await local.create("mortal", containerUri);
    const deleted = await control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId: id }));
    expectShape(DeleteAgentRuntimeResponse$, deleted);
    expect(deleted.status).toBe("DELETING");
    await expect
      .poll(() =>
        control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id })).then(
          () => "there",
          (error: Error) => error.name,
        ),
      )
      .toBe("ResourceNotFoundException");
    await expect(control.send(new ListTagsForResourceCommand({ resourceArn: arn }))).rejects.toBeInstanceOf(ResourceNotFoundException);
    await local.create("mortal", containerUri);
  });

  test("lists come in pages that hold everything once", async () => {
    for (const name of ["page_a", "page_b", "page_c"]) await local.create(name, containerUri);
    const names: (string | undefined)[] = [];
    let nextToken: string | undefined;
    do {
      const page = await control.send(new ListAgentRuntimesCommand({ maxResults: 2, ...(nextToken === undefined ? {} : { nextToken }) }));
      expectShape(ListAgentRuntimesResponse$, page);
      names.push(...(page.agentRuntimes ?? []).map(({ agentRuntimeName }) => agentRuntimeName));
      ({ nextToken } = page);
    } while (nextToken !== undefined);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(["page_a", "page_b", "page_c"]));
  });

  test("a request that comes again with its token changes nothing; with other parameters it is refused", async () => {
    const clientToken = crypto.randomUUID();
    const first = await control.send(new CreateAgentRuntimeCommand({ ...settings("once"), clientToken }));
    const second = await control.send(new CreateAgentRuntimeCommand({ ...settings("once"), clientToken }));
    expect(second.agentRuntimeId).toBe(first.agentRuntimeId);
    await expect(control.send(new CreateAgentRuntimeCommand({ ...settings("twice"), clientToken }))).rejects.toMatchObject({
      name: "ValidationException",
      reason: "IdempotentParameterMismatchException",
    });
    await local.ready(first.agentRuntimeId);
  });

  const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`V${i}`, "x"]));
  const wrong: [string, Record<string, unknown>, string][] = [
    ["a name with a dash", { agentRuntimeName: "no-dash" }, "agentRuntimeName"],
    ["51 variables", { environmentVariables: many }, "environmentVariables"],
    ["a value of 5,001 characters", { environmentVariables: { LONG: "x".repeat(5001) } }, "environmentVariables.LONG"],
    ["a role that is none", { roleArn: "admin" }, "roleArn"],
    [
      "an idle time-out of a second",
      { lifecycleConfiguration: { idleRuntimeSessionTimeout: 1 } },
      "lifecycleConfiguration.idleRuntimeSessionTimeout",
    ],
    ["a network that is not here", { networkConfiguration: { networkMode: "VPC" } }, "networkConfiguration.networkMode"],
    [
      "storage elsewhere",
      { filesystemConfigurations: [{ sessionStorage: { mountPath: "/etc" } }] },
      "filesystemConfigurations.0.sessionStorage.mountPath",
    ],
    ["no artifact", { agentRuntimeArtifact: undefined }, "agentRuntimeArtifact"],
  ];
  test.each(wrong)("%s is refused, and the field named", async (_what, change, field) => {
    const input = { ...settings("wrong"), ...change } as ConstructorParameters<typeof CreateAgentRuntimeCommand>[0];
    const error: unknown = await control.send(new CreateAgentRuntimeCommand(input)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ValidationException);
    expect(error).toMatchObject({ reason: "FieldValidationFailed", $metadata: { httpStatusCode: 400 } });
    expect((error as ValidationException).fieldList?.map(({ name }) => name)).toContain(field);
  });

  test.each([
    ["that is not there", () => `${local.host}/agents/none:latest`, /cannot be pulled/],
    ["whose name is not valid", () => "not an image", /containerUri is not valid/],
    ["of a registry that is not there", () => "127.0.0.1:1/agents/none:latest", /cannot be pulled/],
  ])("an image %s ends in CREATE_FAILED with the reason", async (_what, uri, reason) => {
    const { agentRuntimeId } = await control.send(
      new CreateAgentRuntimeCommand(settings(`failing_${crypto.randomUUID().slice(0, 8)}`, uri())),
    );
    const runtime = () => control.send(new GetAgentRuntimeCommand({ agentRuntimeId }));
    await expect.poll(async () => (await runtime()).status, { timeout: 30_000 }).toBe("CREATE_FAILED");
    expect((await runtime()).failureReason).toMatch(reason);
    await control.send(new DeleteAgentRuntimeCommand({ agentRuntimeId }));
  });

  test("names, versions and quotas are guarded by the exceptions that the SDK knows", async () => {
    const { id } = await local.create("guarded", containerUri);
    await expect(control.send(new CreateAgentRuntimeCommand(settings("guarded")))).rejects.toBeInstanceOf(ConflictException);
    await expect(
      control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "e4", agentRuntimeVersion: "9" })),
    ).rejects.toBeInstanceOf(ResourceNotFoundException);
    for (const name of ["e1", "e2"]) await control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name }));
    await expect(control.send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "e1" }))).rejects.toBeInstanceOf(
      ConflictException,
    );
    const beyond: unknown = await control
      .send(new CreateAgentRuntimeEndpointCommand({ agentRuntimeId: id, name: "e3" }))
      .catch((error: unknown) => error);
    expect(beyond).toBeInstanceOf(ServiceQuotaExceededException);
    expect(beyond).toMatchObject({ $metadata: { httpStatusCode: 402 } });
    await expect(
      control.send(new UpdateAgentRuntimeEndpointCommand({ agentRuntimeId: id, endpointName: "DEFAULT" })),
    ).rejects.toBeInstanceOf(ValidationException);
  });

  test("who has another key, another secret, or signs for another region is refused", async () => {
    const strangers = [
      [clientsOf(local.service.url, { ...CREDENTIALS, accessKeyId: "another-key" }), "UnrecognizedClientException"],
      [clientsOf(local.service.url, { ...CREDENTIALS, secretAccessKey: "another-secret" }), "InvalidSignatureException"],
      [clientsOf(local.service.url, CREDENTIALS, "eu-west-1"), "InvalidSignatureException"],
    ] as const;
    for (const [clients, name] of strangers)
      await expect(clients.control.send(new ListAgentRuntimesCommand({}))).rejects.toMatchObject({
        name,
        $metadata: { httpStatusCode: 403 },
      });
  });

  test("runtimes, secrets included, survive a restart; the values are not in any file", async () => {
    const value = `sentinel-${crypto.randomUUID()}`;
    const { id } = await local.create("lasting", containerUri, { environmentVariables: { KEY: value } });
    await local.restart();
    control = local.control;
    expect(await control.send(new GetAgentRuntimeCommand({ agentRuntimeId: id }))).toMatchObject({
      status: "READY",
      environmentVariables: { KEY: value },
    });
    expect(await local.filesWith(value)).toEqual([]);
  });
});
