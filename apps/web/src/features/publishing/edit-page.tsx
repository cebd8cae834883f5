import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { ListingFields } from "./listing-fields.tsx";
import { readListingForm } from "./read-listing-form.ts";

export const meta = () => [{ title: "Edit a listing – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  return marketplaceOf(args).call(fleetprompt.getOwnListing, { id: args.params["listingId"] ?? "" });
}

export async function action(args: ActionFunctionArgs) {
  const id = args.params["listingId"] ?? "";
  const saved = await marketplaceOf(args).attempt(fleetprompt.updateListing, { id, body: readListingForm(await args.request.formData()) });
  if (!saved.ok) return { problem: saved.problem };
  return redirectWith(args.context, paths.ownListing(id), "The listing is saved.");
}

export default function EditListingPage() {
  const { listing } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const pending = useNavigation().state === "submitting";
  return (
    <>
      <PageHeader title={`Edit ${listing.name}`} />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <ListingFields listing={listing} problem={problem} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending}>
            Save
          </Button>
          <ButtonLink to={paths.ownListing(listing.listingId)}>Cancel</ButtonLink>
        </div>
      </Form>
    </>
  );
}
