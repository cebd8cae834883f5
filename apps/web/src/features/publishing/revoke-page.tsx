import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { TextArea } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";

export const meta = () => [{ title: "Revoke a release – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const { listing } = await marketplaceOf(args).call(fleetprompt.getOwnListing, { id: args.params["listingId"] ?? "" });
  return { listing, idempotencyKey: crypto.randomUUID() };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const revoked = await marketplaceOf(args).attempt(fleetprompt.revokeRelease, {
    releaseId: args.params["releaseId"] ?? "",
    body: { reason: textOf(form, "reason") ?? "" },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!revoked.ok) return { problem: revoked.problem };
  return redirectWith(args.context, paths.ownListing(args.params["listingId"] ?? ""), "The release is revoked.");
}

export default function RevokePage() {
  const { listing, idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const pending = useNavigation().state === "submitting";
  return (
    <div className="max-w-xl">
      <PageHeader
        title={`Revoke a release of ${listing.name}?`}
        description="Nobody sees or installs it any more, and its version cannot be used again. Agents that were made of it go on. This cannot be undone."
      />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <TextArea label="Reason" name="reason" required maxLength={1000} error={problem?.fields["reason"]} />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="danger" pending={pending}>
            Revoke for good
          </Button>
          <ButtonLink to={paths.ownListing(listing.listingId)}>Keep it</ButtonLink>
        </div>
      </Form>
    </div>
  );
}
