import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, type LoaderFunctionArgs, useActionData, useLoaderData } from "react-router";
import { type Attempt, marketplaceOf, type PageArgs, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { invalid, type Problem } from "../../problem.ts";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { Notice, ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { ListingStats } from "./listing-stats.tsx";
import { OwnReleases } from "./own-releases.tsx";
import { PicturesForm } from "./pictures-form.tsx";
import { StatusForm } from "./status-form.tsx";
import { kindNames, statusNames, statusTones } from "./words.ts";

export const meta = () => [{ title: "Listing – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const api = marketplaceOf(args);
  const id = args.params["listingId"] ?? "";
  const cursor = new URL(args.request.url).searchParams.get("cursor");
  const { listing } = await api.call(fleetprompt.getOwnListing, { id });
  const [releases, stats] = await Promise.all([
    api.call(fleetprompt.listOwnReleases, { id, limit: 20, ...(cursor === null ? {} : { cursor }) }),
    api.call(fleetprompt.getListingStats, { id, days: 30 }),
  ]);
  return { listing, releases, days: stats.days, idempotencyKey: crypto.randomUUID() };
}

type Done = Attempt<string>;

export async function action(args: ActionFunctionArgs) {
  const id = args.params["listingId"] ?? "";
  const form = await args.request.formData();
  const done = await act(args, id, form);
  if (!done.ok) return { problem: done.problem };
  return redirectWith(args.context, paths.ownListing(id), done.answer);
}

async function act(args: PageArgs, id: string, form: FormData): Promise<Done> {
  switch (textOf(form, "do") ?? "") {
    case "change-status":
      return changeStatus(args, id, form);
    case "add-picture":
      return addPicture(args, id, form);
    case "remove-picture":
      return removePicture(args, id, form);
    default:
      return refused("This form is not known.");
  }
}

function refused(message: string, fields: Readonly<Record<string, string>> = {}): { ok: false; problem: Problem } {
  return { ok: false, problem: invalid(fields, message) };
}

async function changeStatus(args: PageArgs, id: string, form: FormData): Promise<Done> {
  const status = fleetprompt.listingStatus.safeParse(form.get("status"));
  if (!status.success) return refused("Choose a status.");
  const changed = await marketplaceOf(args).attempt(fleetprompt.changeListingStatus, {
    id,
    body: { status: status.data },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  return changed.ok ? { ok: true, answer: `The listing is ${statusNames[status.data].toLowerCase()}.` } : changed;
}

async function addPicture(args: PageArgs, id: string, form: FormData): Promise<Done> {
  const file = form.get("picture");
  if (!(file instanceof File) || file.size === 0) return refused("Choose a picture.", { picture: "Choose a picture." });
  if (file.size > fleetprompt.maxImageBytes) return refused("This picture is too large.", { picture: "Must be 2 MiB or smaller." });
  const api = marketplaceOf(args);
  const data = new Uint8Array(await file.arrayBuffer());
  const uploaded = await api.attempt(fleetprompt.uploadImage, { bytes: { contentType: file.type, data } });
  if (!uploaded.ok) return uploaded;
  const { listing } = await api.call(fleetprompt.getOwnListing, { id });
  const images = [...listing.images, { url: uploaded.answer.image.url, alt: textOf(form, "alt") ?? "" }];
  const saved = await api.attempt(fleetprompt.updateListing, { id, body: { images } });
  return saved.ok ? { ok: true, answer: "The picture is added." } : saved;
}

async function removePicture(args: PageArgs, id: string, form: FormData): Promise<Done> {
  const api = marketplaceOf(args);
  const { listing } = await api.call(fleetprompt.getOwnListing, { id });
  const images = listing.images.filter(({ url }) => url !== textOf(form, "url"));
  const saved = await api.attempt(fleetprompt.updateListing, { id, body: { images } });
  return saved.ok ? { ok: true, answer: "The picture is removed." } : saved;
}

export default function OwnListingPage() {
  const { listing, releases, days, idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  return (
    <>
      <PageHeader
        title={listing.name}
        description={
          <p className="flex flex-wrap items-center gap-2">
            <Badge tone={statusTones[listing.status]}>{statusNames[listing.status]}</Badge>
            <Badge>{kindNames[listing.assetKind]}</Badge>
            {listing.summary}
          </p>
        }
        actions={
          <>
            {listing.status === "published" && <ButtonLink to={paths.listing(listing.listingId)}>Public page</ButtonLink>}
            <ButtonLink to={paths.editListing(listing.listingId)}>Edit</ButtonLink>
          </>
        }
      />
      <div className="flex flex-col gap-8">
        <ProblemNotice problem={problem} />
        {listing.moderation.flagged && (
          <Notice tone="bad">
            <p className="font-medium">Those who look after the marketplace have suspended this listing.</p>
            {listing.moderation.reason !== null && <p>{listing.moderation.reason}</p>}
          </Notice>
        )}
        <StatusForm status={listing.status} idempotencyKey={idempotencyKey} />
        <OwnReleases listingId={listing.listingId} releases={releases} />
        <PicturesForm images={listing.images} error={problem?.fields["picture"]} />
        <ListingStats days={days} />
      </div>
    </>
  );
}
