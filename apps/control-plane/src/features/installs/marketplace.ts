/** FleetPrompt as WHS sees it: two signed calls, server to server. */
import { fleetprompt } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import { signatureHeader } from "@whs/platform/signatures";

export type Redemption = fleetprompt.Redemption;

export interface Marketplace {
  /**
   * What a token stands for; the same idempotency key gets the same answer for 24 hours. Null for a token that cannot be
   * redeemed, whatever the reason.
   * @throws AppError `UNAVAILABLE` when the marketplace does not answer as it should.
   */
  redeem(input: { installToken: string; buyerExternalUserId: string; idempotencyKey: string }): Promise<Redemption | null>;
  /** @returns whether the marketplace knows the intent (still). @throws AppError `UNAVAILABLE` */
  acknowledge(input: { installIntentId: string; correlationId: string }): Promise<boolean>;
}

export interface MarketplaceSettings {
  /** Base URL; undefined where there is no marketplace. */
  url: string | undefined;
  /** Signs what WHS asks. */
  key: Buffer | undefined;
  now: () => Date;
}

const source = "whs";
const timeoutMs = 10_000;
const maxAnswerBytes = 256 * 1024;

export function createMarketplace({ url, key, now }: MarketplaceSettings): Marketplace {
  const post = async (path: string, body: unknown, idempotencyKey?: string): Promise<{ status: number; text: string }> => {
    if (url === undefined || key === undefined)
      throw unavailable("This installation has no marketplace: its operator sets FLEETPROMPT_URL and FLEETPROMPT_INTERNAL_REDEEM_SECRET.");
    const target = new URL(path, url);
    const text = JSON.stringify(body);
    const timestamp = String(now().getTime());
    try {
      const response = await fetch(target, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-whs-delegation-source": source,
          "x-whs-delegation-timestamp": timestamp,
          "x-whs-delegation-signature": signatureHeader(key, { timestamp, source, method: "POST", path: target.pathname, body: text }),
          ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
        },
        body: text,
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, text: await boundedText(response) };
    } catch (cause) {
      throw unavailable("The marketplace cannot be reached; try again in a moment.", cause);
    }
  };
  const unexpected = (status: number): AppError =>
    unavailable("The marketplace does not answer as it should; try again in a moment.", new Error(`FleetPrompt answered ${status}`));
  return {
    async redeem({ installToken, buyerExternalUserId, idempotencyKey }) {
      const body = { installToken, targetSystem: source, expectedBuyerExternalUserId: buyerExternalUserId };
      const { status, text } = await post(fleetprompt.redeemToken.path, body, idempotencyKey);
      if (status === 404) return null;
      if (status !== 200) throw unexpected(status);
      return fleetprompt.redemption.parse(JSON.parse(text));
    },
    async acknowledge({ installIntentId, correlationId }) {
      const { status } = await post(fleetprompt.acknowledgeInstall.path, { installIntentId, outcome: "installed", correlationId });
      if (status === 404) return false;
      if (status !== 200) throw unexpected(status);
      return true;
    },
  };
}

function unavailable(message: string, cause?: unknown): AppError {
  return new AppError("UNAVAILABLE", message, { retryAfterSeconds: 5, ...(cause === undefined ? {} : { cause }) });
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > maxAnswerBytes) throw new Error(`The answer has more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
