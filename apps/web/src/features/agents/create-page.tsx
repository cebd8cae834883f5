import { createAgent, runtimeProviderSchema } from "@whs/api";
import { type ActionFunctionArgs, Form, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { invalid } from "../../problem.ts";
import { useAccount } from "../../shell/account.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { ChoiceField, TextArea, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { runtimeNames } from "./runtimes.ts";

export const meta = () => [{ title: "Create an agent – WebHost Systems" }];

/** One per form that is shown: sending it twice creates one agent. */
export function loader() {
  return { idempotencyKey: crypto.randomUUID() };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const runtimeProvider = runtimeProviderSchema.safeParse(form.get("runtimeProvider"));
  if (!runtimeProvider.success) return { problem: invalid({ runtimeProvider: "Choose a runtime." }) };
  const name = textOf(form, "name") ?? "";
  const description = textOf(form, "description");
  const created = await apiOf(args).attempt(createAgent, {
    body: { name, runtimeProvider: runtimeProvider.data, ...(description === undefined ? {} : { description }) },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!created.ok) return { problem: created.problem };
  return redirectWith(args.context, paths.agent(created.answer.agent.id), `Agent ${name} is created.`);
}

export default function CreateAgentPage() {
  const { idempotencyKey } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const { user, entitlements } = useAccount();
  const pending = useNavigation().state === "submitting";
  const agentcoreUnavailable = entitlements.agentcoreEnabled
    ? {}
    : { unavailable: `Not part of the ${user.subscriptionTier} plan. A larger plan includes it.` };
  return (
    <div className="max-w-xl">
      <PageHeader title="Create an agent" description="The name is how you and your programs call it. You can deploy to it right after." />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <TextField
          label="Name"
          name="name"
          required
          minLength={3}
          maxLength={64}
          pattern="[A-Za-z0-9_\-]+"
          autoComplete="off"
          hint="3 to 64 letters, digits, _ or -."
          error={problem?.fields["name"]}
        />
        <TextArea label="Description (optional)" name="description" maxLength={4000} error={problem?.fields["description"]} />
        <ChoiceField
          label="Runtime"
          name="runtimeProvider"
          defaultValue={
            user.defaultRuntimeProvider === "agentcore" && !entitlements.agentcoreEnabled ? "cloudflare" : user.defaultRuntimeProvider
          }
          error={problem?.fields["runtimeProvider"]}
          choices={[
            {
              value: "cloudflare",
              label: runtimeNames.cloudflare,
              description: "Starts at once, runs close to your users, keeps sessions.",
            },
            {
              value: "agentcore",
              label: runtimeNames.agentcore,
              description: "A container per session, with a code interpreter, a browser and memory.",
              ...agentcoreUnavailable,
            },
          ]}
        />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending}>
            Create agent
          </Button>
          <ButtonLink to={paths.agents()}>Cancel</ButtonLink>
        </div>
      </Form>
    </div>
  );
}
