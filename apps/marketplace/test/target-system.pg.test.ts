/** Systems that FleetPrompt's neighbours are: small servers of their own, which reach the marketplace over HTTP alone. */
import { signatureHeader } from "@whs/platform/signatures";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { redeemSecret, startMarketplace, type TestMarketplace } from "./harness.ts";
import { draft, intent, token } from "./offers.ts";

let market: TestMarketplace;
beforeAll(async () => {
  market = await startMarketplace();
});
afterAll(() => market.close());

interface TargetSystem {
  url: string;
  /** What it has installed, by install intent. */
  installed: Map<string, string>;
  close(): Promise<void>;
}

/** Takes `POST /import { installToken }` of a person, redeems the token, checks for itself, imports and acknowledges. */
async function startTargetSystem(
  name: "agentromatic" | "agentelic",
  mayImport: (externalUserId: string) => boolean,
): Promise<TargetSystem> {
  const installed = new Map<string, string>();
  const send = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const timestamp = String(Date.now());
    const signature = signatureHeader(Buffer.from(redeemSecret), { timestamp, source: name, method: "POST", path, body });
    const response = await fetch(market.url + path, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-whs-delegation-source": name,
        "x-whs-delegation-timestamp": timestamp,
        "x-whs-delegation-signature": signature,
        ...headers,
      },
    });
    return { status: response.status, body: (await response.json()) as never };
  };
  const importFor = async (externalUserId: string, installToken: string): Promise<number> => {
    const key = createHash("sha256").update(`${installToken} ${externalUserId}`).digest("hex");
    const body = JSON.stringify({ installToken, targetSystem: name, expectedBuyerExternalUserId: externalUserId });
    const redeemed = await send("/v1/internal/install/redeem", body, { "idempotency-key": key });
    if (redeemed.status !== 200) return redeemed.status;
    const { installIntent, release } = redeemed.body as {
      installIntent: { installIntentId: string };
      release: { refs: Record<string, string> };
    };
    const { installIntentId } = installIntent;
    const allowed = mayImport(externalUserId);
    if (allowed) installed.set(installIntentId, release.refs["agentromaticWorkflowId"] ?? release.refs["whsAgentId"] ?? "");
    const outcome = allowed ? "installed" : "failed";
    await send("/v1/internal/install/ack", JSON.stringify({ installIntentId, outcome, correlationId: `${name}-1` }));
    return allowed ? 201 : 403;
  };
  const server = createServer((request, response) => {
    const user = String(request.headers["x-user"]);
    void request.toArray().then(async (chunks: Buffer[]) => {
      const { installToken } = JSON.parse(Buffer.concat(chunks).toString()) as { installToken: string };
      response.writeHead(await importFor(user, installToken)).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    installed,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

it.each(["agentromatic", "agentelic"] as const)(
  "%s installs over HTTP by its own rules, and what it says is what the buyer reads",
  async (name) => {
    const publisher = await market.publisher();
    const listingId = await draft(publisher, { assetKind: "agentromatic_workflow", name: "Weekly report" });
    const { body } = await publisher.request<{ release: { releaseId: string } }>("POST", `/v1/publisher/listings/${listingId}/releases`, {
      version: "1.0.0",
      refs: { agentromaticWorkflowId: "wf_1" },
    });
    await publisher.request("POST", `/v1/publisher/listings/${listingId}/status`, { status: "published" });
    const offered = { listingId, releaseId: body.release.releaseId };
    const [member, guest] = [await market.user("member"), await market.user("guest")];
    const system = await startTargetSystem(name, (externalUserId) => externalUserId === member.externalId);
    const hand = async (buyer: typeof member, installToken: string): Promise<number> =>
      (
        await fetch(`${system.url}/import`, {
          method: "POST",
          headers: { "x-user": buyer.externalId },
          body: JSON.stringify({ installToken }),
        })
      ).status;
    const outcomeOf = async (buyer: typeof member, id: string) =>
      (await buyer.request<{ installIntent: { outcome: string | null } }>("GET", `/v1/install/intents/${id}`)).body.installIntent.outcome;

    const intents = { member: await intent(member, offered, name), guest: await intent(guest, offered, name) };
    const tokens = { member: await token(member, intents.member), guest: await token(guest, intents.guest) };
    // A token in another's hands does nothing and stays good for its owner.
    expect(await hand(guest, tokens.member.installToken)).toBe(404);
    expect(await hand(member, tokens.member.installToken)).toBe(201);
    expect(await hand(member, tokens.member.installToken)).toBe(201);
    expect(await hand(guest, tokens.guest.installToken)).toBe(403);
    expect([...system.installed]).toEqual([[intents.member, "wf_1"]]);
    expect(await outcomeOf(member, intents.member)).toBe("installed");
    expect(await outcomeOf(guest, intents.guest)).toBe("failed");
    await system.close();
  },
);
