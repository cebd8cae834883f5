import type { fleetprompt } from "@whs/api";
import type { Transaction } from "kysely";
import type { Context } from "../../context.ts";
import type { ListingImage, Schema } from "../../database.ts";
import { requireRenderable } from "../../markdown/index.ts";
import { contentOf, unknownImage } from "./image-urls.ts";
import { findOwnImages } from "./store.ts";

/** Columns of a listing that its publisher writes. */
interface WrittenColumns {
  name?: string;
  summary?: string;
  description_markdown?: string;
  tags?: string[];
  categories?: string[];
  images?: string;
  docs_url?: string | null;
  repo_url?: string | null;
}

/** The columns that a publisher's words become; what is not given is left out. @throws AppError for what cannot be kept */
export async function toColumns(
  context: Context,
  transaction: Transaction<Schema>,
  changes: fleetprompt.ListingChanges,
): Promise<WrittenColumns> {
  const { name, summary, description, tags, categories, images, links } = changes;
  if (description !== undefined) requireRenderable("description.markdown", description.markdown);
  const kept = images === undefined ? undefined : await ownImages(context, transaction, images);
  return {
    ...(name === undefined ? {} : { name }),
    ...(summary === undefined ? {} : { summary }),
    ...(description === undefined ? {} : { description_markdown: description.markdown }),
    ...(tags === undefined ? {} : { tags }),
    ...(categories === undefined ? {} : { categories }),
    ...(kept === undefined ? {} : { images: JSON.stringify(kept) }),
    ...(links === undefined ? {} : { docs_url: links.docsUrl ?? null, repo_url: links.repoUrl ?? null }),
  };
}

async function ownImages(
  context: Context,
  transaction: Transaction<Schema>,
  images: readonly { url: string; alt: string }[],
): Promise<ListingImage[]> {
  const wanted = images.map(({ url, alt }, index) => ({ sha256: contentOf(context.config, url, index), alt }));
  const own = await findOwnImages(
    transaction,
    context.user.id,
    wanted.map(({ sha256 }) => sha256),
  );
  const foreign = wanted.findIndex(({ sha256 }) => !own.has(sha256));
  if (foreign !== -1) throw unknownImage(foreign);
  return wanted;
}
