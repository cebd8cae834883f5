import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { invalid } from "../../problem.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { SelectField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { ListingFields } from "./listing-fields.tsx";
import { readListingForm } from "./read-listing-form.ts";
import { kindNames } from "./words.ts";

export const meta = () => [{ title: "Create a listing – WebHost Systems" }];

export function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  return { idempotencyKey: crypto.randomUUID() };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const assetKind = fleetprompt.assetKind.safeParse(form.get("assetKind"));
  if (!assetKind.success) return { problem: invalid({ assetKind: "Choose a kind." }) };
  const created = await marketplaceOf(args).attempt(fleetprompt.createListing, {
    body: { assetKind: assetKind.data, ...readListingForm(form) },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!created.ok) return { problem: created.problem };
  const { listingId } = created.answer.listing;
  return redirectWith(args.context, paths.ownListing(listingId), "The listing is created, as a draft that only you see.");
}

export default function CreateListingPage() {
  const { idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const pending = useNavigation().state === "submitting";
  return (
    <>
      <PageHeader title="Create a listing" description="It begins as a draft. Publish it when it has a release." />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <SelectField
          label="Kind"
          name="assetKind"
          hint="It cannot be changed later."
          options={Object.entries(kindNames).map(([value, label]) => ({ value, label }))}
          error={problem?.fields["assetKind"]}
        />
        <ListingFields problem={problem} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending}>
            Create listing
          </Button>
          <ButtonLink to={paths.publisher()}>Cancel</ButtonLink>
        </div>
      </Form>
    </>
  );
}
