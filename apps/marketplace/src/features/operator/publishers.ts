import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { toPage } from "@whs/platform/http";
import type { SystemContext } from "../../context.ts";
import { listPublishers as findPublishers, type PublisherRow, setVerification as writeVerification } from "./store.ts";

export async function listPublishers(
  context: SystemContext,
  input: QueryOf<typeof fleetprompt.listPublishers>,
): Promise<AnswerOf<typeof fleetprompt.listPublishers>> {
  const list = `publishers/${input.approved ?? ""}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const approved = input.approved === undefined ? undefined : input.approved === "true";
  const rows = await findPublishers(context.db, { limit: input.limit, after, approved });
  return toPage(rows, input.limit, toPublisher, (last) => context.cursors.encode(list, last.id));
}

/** Sets the badge, which grants nothing. */
export async function setVerification(
  context: SystemContext,
  input: { publisherId: string; status: fleetprompt.VerificationStatus; reason?: string | undefined },
): Promise<{ publisher: fleetprompt.PublisherEntry }> {
  const { publisherId, status, reason = null } = input;
  const event = { action: "account.publisher_verified", target: publisherId, metadata: { status } };
  return context.writeFor(null)(event, async (transaction) => {
    const row = await writeVerification(transaction, publisherId, { status, reason, at: context.now() });
    if (row === undefined) throw notFound("Publisher");
    return { publisher: toPublisher(row) };
  });
}

function toPublisher(row: PublisherRow): fleetprompt.PublisherEntry {
  return {
    publisherId: row.id,
    userId: row.user_id,
    externalId: row.external_id,
    displayName: row.display_name,
    approved: row.roles.includes("publisher"),
    verified: {
      status: row.verification_status,
      checkedAtMs: row.verification_checked_at?.getTime() ?? null,
      reason: row.verification_reason,
    },
    createdAtMs: row.created_at.getTime(),
  };
}
