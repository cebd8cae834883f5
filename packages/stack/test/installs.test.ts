/** From one tenant to another: publisher, marketplace and buyer, each over HTTP and by command, with every service real. */
import {
  ApiError,
  createAgent,
  createInstall,
  createToken,
  deleteAgent,
  fleetprompt,
  getAgent,
  invokeAgent,
  listAgents,
  listAudit,
  setSecrets,
  updateAgent,
  WhsClient,
} from "@whs/api";
import { FREE_PORTS, type Stack, startStack } from "@whs/stack";
import { type Person, signUp } from "@whs/stack/testing";
import { randomBytes, randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

// Commands are processes of their own, and each waits for what it has asked for.
vi.setConfig({ testTimeout: 120_000 });

let stack: Stack;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), "whs-"));
  stack = await startStack({
    dataDir,
    ports: FREE_PORTS,
    processes: ["identity", "supervisor", "whs", "fleetprompt"],
    environment: { ...process.env, LOG_LEVEL: "debug" },
  });
}, 120_000);
afterAll(async () => {
  await stack?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const run = promisify(execFile);
const bin = path.resolve(import.meta.dirname, "../../../apps/cli/bin/whs.mjs");
const publisherSecret = `sentinel-${randomBytes(12).toString("hex")}`;
/** Every install token that was shown. */
const tokens: string[] = [];

/** `whs` as somebody with an API token; what it prints as JSON. */
async function whs<T = Record<string, unknown>>(apiToken: string, args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [bin, ...args, "--json"], {
    cwd: dataDir,
    env: {
      PATH: process.env.PATH,
      HOME: dataDir,
      WHS_API_URL: stack.endpoints.whs,
      WHS_API_TOKEN: apiToken,
      FLEETPROMPT_API_URL: stack.endpoints.fleetprompt,
    },
  });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as T;
}

interface Participant extends Person {
  apiToken: string;
  /** FleetPrompt, by the issuer's JWT. */
  marketplace: WhsClient;
}

async function participant(): Promise<Participant> {
  const person = await signUp(stack.endpoints);
  const { secret } = await person.client.call(createToken, { body: { name: "test" } });
  return { ...person, apiToken: secret, marketplace: new WhsClient({ baseUrl: stack.endpoints.fleetprompt ?? "", token: person.jwt }) };
}

async function installToken({ marketplace }: Participant, listingId: string, releaseId: string): Promise<string> {
  const { installIntent } = await marketplace.call(fleetprompt.createIntent, {
    body: { listingId, releaseId, targetSystem: "whs" },
    idempotencyKey: randomUUID(),
  });
  const issued = await marketplace.call(fleetprompt.issueToken, {
    id: installIntent.installIntentId,
    body: {},
    idempotencyKey: randomUUID(),
  });
  tokens.push(issued.installToken);
  return issued.installToken;
}

async function writeAgent(name: string, code: string, requiredKeys: string[] = []): Promise<string> {
  const folder = path.join(dataDir, name);
  await mkdir(folder, { recursive: true });
  const manifest = { name, protocol: "invoke/v1", runtime: "cloudflare", entrypoint: "agent.js", env: { requiredKeys, optionalKeys: [] } };
  await writeFile(path.join(folder, "agent.config.json"), JSON.stringify(manifest));
  await writeFile(path.join(folder, "agent.js"), code);
  return folder;
}

const answerOf = async ({ client }: Person, agentId: string): Promise<string> =>
  (await client.call(invokeAgent, { agentId, body: { input: { prompt: "hi" } } })).output.text;
const untilActive = async ({ client }: Person, agentId: string): Promise<void> =>
  expect.poll(async () => (await client.call(getAgent, { id: agentId })).agent.status, { timeout: 30_000 }).toBe("active");
const refusal = (promise: Promise<unknown>): Promise<ApiError> =>
  promise.then(
    () => Promise.reject(new Error("It was not refused")),
    (error: unknown) => (error instanceof ApiError ? error : Promise.reject(error as Error)),
  );

describe("an agent from its publisher to a buyer", () => {
  let publisher: Participant;
  let buyer: Participant;
  let sourceId: string;
  let listingId: string;
  let fitting: string;
  let tooNew: string;

  it("is published twice by command, the second time for a newer WHS", async () => {
    publisher = await participant();
    buyer = await participant();
    const folder = await writeAgent("helpdesk", `export default { invoke: ({ env }) => "helped, key " + (env.KEY ?? "absent") };`);
    const { deployment } = await whs<{ deployment: { agentId: string } }>(publisher.apiToken, ["deploy", folder, "--wait"]);
    sourceId = deployment.agentId;
    const first = await whs<{ listing: { listingId: string }; release: { releaseId: string } }>(publisher.apiToken, [
      "publish",
      "helpdesk@1.0.0",
    ]);
    ({ listingId } = first.listing);
    fitting = first.release.releaseId;
    const second = await whs<{ release: { releaseId: string } }>(publisher.apiToken, ["publish", "helpdesk@1.1.0", "--min-whs", "99.0.0"]);
    tooNew = second.release.releaseId;
    expect((await publisher.client.call(getAgent, { id: sourceId })).agent.sharing).toBe("installable");
  });

  it("is installed by command in the newest release that fits, and says why the newer one does not", async () => {
    const plan = await buyer.marketplace.call(fleetprompt.getInstallPlan, { id: listingId, targetSystem: "whs", whsVersion: "1.0.0" });
    expect(plan).toMatchObject({ chosen: { releaseId: fitting, version: "1.0.0" }, rejected: [{ releaseId: tooNew, version: "1.1.0" }] });
    expect(plan.rejected[0]?.reasons.join()).toContain("99.0.0");
    const answer = await whs<{ agent: { id: string; name: string; userId: string } }>(buyer.apiToken, ["install", "helpdesk"]);
    expect(answer.agent.name).toBe("helpdesk");
    expect(await answerOf(buyer, answer.agent.id)).toBe("helped, key absent");
    expect((await refusal(publisher.client.call(getAgent, { id: answer.agent.id }))).code).toBe("NOT_FOUND");
  });

  it("is told to the marketplace as installed, and stands in the buyer's audit log alone", async () => {
    const outcomes = async () => (await buyer.marketplace.call(fleetprompt.listIntents, {})).items.map(({ outcome }) => outcome);
    await expect.poll(outcomes, { timeout: 30_000 }).toEqual(["installed"]);
    const actions = async ({ client }: Person) => (await client.call(listAudit, {})).items.map(({ action }) => action);
    expect(await actions(buyer)).toContain("install.created");
    expect(await actions(publisher)).not.toContain("install.created");
  });

  it("makes one agent for a token, however often and at once it is sent", async () => {
    const token = await installToken(buyer, listingId, fitting);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => buyer.client.call(createInstall, { body: { installToken: token, name: "only-once" } })),
    );
    expect(new Set(answers.map(({ agent }) => agent.id)).size).toBe(1);
    expect(answers[0]?.agent.name).toBe("only-once");
    expect((await buyer.client.call(createInstall, { body: { installToken: token } })).agent.id).toBe(answers[0]?.agent.id);
  });

  it("is named after its listing, with a number where the name is taken", async () => {
    const install = async () =>
      (await buyer.client.call(createInstall, { body: { installToken: await installToken(buyer, listingId, fitting) } })).agent;
    expect([(await install()).name, (await install()).name]).toEqual(["helpdesk-2", "helpdesk-3"]);
    const taken = await refusal(
      buyer.client.call(createInstall, { body: { installToken: await installToken(buyer, listingId, fitting), name: "helpdesk" } }),
    );
    expect(taken).toMatchObject({ code: "CONFLICT", details: { reason: "nameTaken" } });
  });

  it("is refused to anybody but the one who holds the intent, and stays theirs", async () => {
    const token = await installToken(buyer, listingId, fitting);
    const other = await participant();
    const stolen = await refusal(other.client.call(createInstall, { body: { installToken: token } }));
    const unknown = await refusal(other.client.call(createInstall, { body: { installToken: `fpi_${"x".repeat(43)}` } }));
    expect([stolen.code, stolen.message, stolen.status]).toEqual([unknown.code, unknown.message, unknown.status]);
    expect(stolen).toMatchObject({ status: 404, code: "NOT_FOUND" });
    expect((await buyer.client.call(createInstall, { body: { installToken: token, name: "mine-still" } })).agent.name).toBe("mine-still");
  });

  it("is refused beyond the plan's number of agents, and nothing of it is kept", async () => {
    const token = await installToken(buyer, listingId, fitting);
    expect(await refusal(buyer.client.call(createInstall, { body: { installToken: token } }))).toMatchObject({
      status: 402,
      details: { limitType: "maxAgents", limit: 5 },
    });
    const [newest] = (await buyer.client.call(listAgents, {})).items;
    await untilActive(buyer, newest?.id ?? "");
    await buyer.client.call(deleteAgent, { id: newest?.id ?? "" });
    expect((await buyer.client.call(createInstall, { body: { installToken: token, name: "after-all" } })).agent.name).toBe("after-all");
  });

  it("is refused where the stack is too old, with what it needs, and with nothing made", async () => {
    const before = (await buyer.client.call(listAgents, { limit: 100 })).items.length;
    const token = await installToken(buyer, listingId, tooNew);
    expect(await refusal(buyer.client.call(createInstall, { body: { installToken: token } }))).toMatchObject({
      code: "CONFLICT",
      details: { reason: "stackIncompatible", required: "99.0.0" },
    });
    expect((await buyer.client.call(listAgents, { limit: 100 })).items.length).toBe(before);
  });

  it("is refused while its publisher does not offer it, and goes on with the same token afterwards", async () => {
    const late = await participant();
    const token = await installToken(late, listingId, fitting);
    await publisher.client.call(updateAgent, { id: sourceId, body: { sharing: "private" } });
    expect((await refusal(late.client.call(createInstall, { body: { installToken: token, name: "late" } }))).code).toBe("NOT_FOUND");
    await publisher.client.call(updateAgent, { id: sourceId, body: { sharing: "installable" } });
    expect((await late.client.call(createInstall, { body: { installToken: token, name: "late" } })).agent.name).toBe("late");
  });

  it("cannot be installed any more once its release is revoked", async () => {
    const token = await installToken(buyer, listingId, fitting);
    await publisher.marketplace.call(fleetprompt.revokeRelease, {
      releaseId: fitting,
      body: { reason: "leaks" },
      idempotencyKey: randomUUID(),
    });
    expect((await refusal(buyer.client.call(createInstall, { body: { installToken: token } }))).code).toBe("NOT_FOUND");
    expect((await refusal(installToken(buyer, listingId, fitting))).code).toBe("NOT_FOUND");
  });
});

describe("an agent that needs secrets", () => {
  it("gets none of its publisher's, waits for the buyer's, and is deployed with the last of them, once", async () => {
    const publisher = await participant();
    const buyer = await participant();
    const folder = await writeAgent("keyed", `export default { invoke: ({ env }) => "key " + env.KEY.length };`, ["KEY"]);
    const { agent } = await publisher.client.call(createAgent, {
      body: { name: "keyed", runtimeProvider: "cloudflare", envVarKeys: ["KEY"] },
    });
    await publisher.client.call(setSecrets, { id: agent.id, body: { secrets: { KEY: publisherSecret } } });
    await whs(publisher.apiToken, ["deploy", folder, "--wait"]);
    const published = await whs<{ listing: { listingId: string }; release: { releaseId: string } }>(publisher.apiToken, [
      "publish",
      "keyed@1.0.0",
    ]);
    const token = await installToken(buyer, published.listing.listingId, published.release.releaseId);
    const install = () => buyer.client.call(createInstall, { body: { installToken: token } });
    const first = await install();
    expect(first).toMatchObject({ agent: { status: "created", envVarKeys: ["KEY"] }, missingSecrets: ["KEY"] });
    expect(first.deployment).toBeUndefined();
    expect((await install()).missingSecrets).toEqual(["KEY"]);
    await buyer.client.call(setSecrets, { id: first.agent.id, body: { secrets: { KEY: "four" } } });
    await untilActive(buyer, first.agent.id);
    expect(await answerOf(buyer, first.agent.id)).toBe("key 4");
    await buyer.client.call(setSecrets, { id: first.agent.id, body: { secrets: { KEY: "fives" } } });
    expect(await answerOf(buyer, first.agent.id)).toBe("key 5");
    expect(await install()).toMatchObject({
      agent: { id: first.agent.id },
      missingSecrets: [],
      deployment: { agentId: first.agent.id, version: 1 },
    });
  });
});

it("no log line of any service has an install token or a publisher's secret", async () => {
  expect(tokens.length).toBeGreaterThan(5);
  const logs = path.join(dataDir, "logs");
  const text = (await Promise.all((await readdir(logs)).map((file) => readFile(path.join(logs, file), "utf8")))).join("\n");
  expect(text).toContain("/v1/installs");
  for (const secret of [...tokens, publisherSecret]) expect(text.includes(secret)).toBe(false);
});
