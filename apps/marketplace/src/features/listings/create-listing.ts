import type { BodyOf, fleetprompt } from "@whs/api";
import { conflict } from "@whs/platform/errors";
import { newId } from "@whs/platform/ids";
import type { Context } from "../../context.ts";
import { findProfileOfUser } from "../publishers/index.ts";
import { toColumns } from "./changes.ts";
import { toPublisherListing } from "./present.ts";
import { insertListing } from "./store.ts";

export async function createListing(
  context: Context,
  input: BodyOf<typeof fleetprompt.createListing>,
): Promise<{ listing: fleetprompt.PublisherListing }> {
  const { assetKind, name, ...rest } = input;
  const profile = await findProfileOfUser(context.db, context.user.id);
  if (profile === undefined) throw conflict("A publisher needs a profile first; see POST /v1/publisher/profile.");
  const id = newId("lst");
  return context.write({ action: "listing.created", target: id, metadata: { assetKind } }, async (transaction) => {
    const columns = await toColumns(context, transaction, rest);
    const now = context.now();
    const row = await insertListing(transaction, {
      ...columns,
      id,
      publisher_id: profile.id,
      publisher_user_id: context.user.id,
      asset_kind: assetKind,
      name,
      created_at: now,
      updated_at: now,
    });
    return { listing: toPublisherListing(context.config, row) };
  });
}
