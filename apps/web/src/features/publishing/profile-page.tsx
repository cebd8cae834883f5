import { fleetprompt } from "@whs/api";
import { type ActionFunctionArgs, Form, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { marketplaceOf, requireSession } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { MarkdownField } from "./markdown-field.tsx";

export const meta = () => [{ title: "Publisher profile – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  requireSession(args);
  const { user } = await marketplaceOf(args).call(fleetprompt.getOwnAccount, {});
  return { publisher: user.publisher };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const saved = await marketplaceOf(args).attempt(fleetprompt.saveProfile, {
    body: { displayName: textOf(form, "displayName") ?? "", bioMarkdown: textOf(form, "bioMarkdown") ?? "" },
  });
  if (!saved.ok) return { problem: saved.problem };
  return redirectWith(args.context, paths.publisher(), "The publisher profile is saved.");
}

export default function ProfilePage() {
  const { publisher } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const pending = useNavigation().state === "submitting";
  return (
    <>
      <PageHeader
        title={publisher === null ? "Become a publisher" : "Publisher profile"}
        description="Whoever looks at your listings sees this name and text."
      />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <TextField
          label="Name of the publisher"
          name="displayName"
          required
          maxLength={80}
          defaultValue={publisher?.displayName}
          error={problem?.fields["displayName"]}
        />
        <MarkdownField
          label="About"
          name="bioMarkdown"
          maxLength={10_000}
          rows={6}
          defaultValue={publisher?.bioMarkdown ?? ""}
          error={problem?.fields["bioMarkdown"]}
        />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending}>
            Save
          </Button>
          {publisher !== null && <ButtonLink to={paths.publisher()}>Cancel</ButtonLink>}
        </div>
      </Form>
    </>
  );
}
