import type { AnswerOf, fleetprompt, QueryOf } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import { toPage } from "@whs/platform/http";
import type { PublicContext } from "../../context.ts";
import { findProfile } from "../publishers/index.ts";
import { toBadge, toPublicListing, toRendered } from "./present.ts";
import { listOfPublisher } from "./store.ts";

export async function getPublisher(
  context: PublicContext,
  input: { publisherId: string } & QueryOf<typeof fleetprompt.getPublicPublisher>,
): Promise<AnswerOf<typeof fleetprompt.getPublicPublisher>> {
  const profile = await findProfile(context.db, input.publisherId);
  if (profile === undefined) throw notFound("Publisher");
  const list = `listings-of/${profile.id}`;
  const after = input.cursor === undefined ? undefined : context.cursors.decode(list, input.cursor);
  const rows = await listOfPublisher(context.db, profile.id, { limit: input.limit, after });
  return {
    publisher: {
      publisherId: profile.id,
      displayName: profile.display_name,
      verified: toBadge(profile),
      bio: toRendered(profile.bio_markdown),
    },
    listings: toPage(
      rows,
      input.limit,
      (row) => toPublicListing(context.config, row),
      (last) => context.cursors.encode(list, last.id),
    ),
  };
}
