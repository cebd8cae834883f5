import { createToken, defaultScopes, scopeSchema, scopes } from "@whs/api";
import { type ActionFunctionArgs, Form, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf } from "../../api.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { invalid } from "../../problem.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { CodeBlock } from "../../ui/code-block.tsx";
import { ChecklistField, SelectField, TextField } from "../../ui/field.tsx";
import { Notice, ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { scopeWords } from "./scope-words.ts";

export const meta = () => [{ title: "Create an API token – WebHost Systems" }];

const DAY_MS = 86_400_000;
const LIFETIMES_DAYS = [7, 30, 90, 365];
const DEFAULT_LIFETIME_DAYS = 90;

/** The moments are of this form: sending it twice asks for the same token, and makes one. */
export function loader() {
  const endsAfter = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
  return {
    idempotencyKey: crypto.randomUUID(),
    scopes: scopes.map((scope) => ({ value: scope, checked: defaultScopes.includes(scope) })),
    expiries: LIFETIMES_DAYS.map((days) => ({
      value: endsAfter(days),
      label: `In ${days} days`,
      isDefault: days === DEFAULT_LIFETIME_DAYS,
    })),
  };
}

/** The secret is in this one answer, which is kept nowhere: no redirect may lead away from it. */
export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const chosen = scopeSchema.array().min(1).safeParse(form.getAll("scopes"));
  if (!chosen.success) return { problem: invalid({ scopes: "Choose what the token may do." }) };
  const expiresAt = textOf(form, "expiresAt");
  const created = await apiOf(args).attempt(createToken, {
    body: { name: textOf(form, "name") ?? "", scopes: chosen.data, ...(expiresAt === undefined ? {} : { expiresAt }) },
    idempotencyKey: textOf(form, "idempotencyKey") ?? crypto.randomUUID(),
  });
  if (!created.ok) return { problem: created.problem };
  return { name: created.answer.token.name, secret: created.answer.secret };
}

export default function CreateTokenPage() {
  const { idempotencyKey, scopes: offered, expiries } = useLoaderData<typeof loader>();
  const done = useActionData<typeof action>();
  const pending = useNavigation().state === "submitting";
  if (done?.secret !== undefined) return <Created name={done.name} secret={done.secret} />;
  const problem = done?.problem;
  return (
    <div className="max-w-2xl">
      <PageHeader title="Create an API token" description="Give each program a token of its own, with no more scopes than it needs." />
      <Form method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <TextField
          label="Name"
          name="name"
          required
          maxLength={100}
          autoComplete="off"
          hint="What it is for, such as “CI of the website”."
          error={problem?.fields["name"]}
        />
        <SelectField
          label="Expires"
          name="expiresAt"
          defaultValue={expiries.find(({ isDefault }) => isDefault)?.value}
          options={[...expiries, { value: "", label: "Never" }]}
          error={problem?.fields["expiresAt"]}
        />
        <ChecklistField
          label="Scopes"
          name="scopes"
          error={problem?.fields["scopes"]}
          choices={offered.map(({ value, checked }) => ({ value, checked, label: value, description: scopeWords[value] }))}
        />
        <div className="flex flex-wrap gap-2">
          <Button type="submit" look="primary" pending={pending}>
            Create token
          </Button>
          <ButtonLink to={paths.tokens()}>Cancel</ButtonLink>
        </div>
      </Form>
    </div>
  );
}

function Created({ name, secret }: { name: string; secret: string }) {
  return (
    <div className="max-w-2xl">
      <PageHeader title={`Token ${name} is created`} />
      <div className="flex flex-col gap-5">
        <Notice tone="warn" role="status">
          Copy it now and keep it where secrets are kept. It is not shown again.
        </Notice>
        <CodeBlock label="the token" code={secret} />
        <p className="text-muted">
          Programs send it as <code className="font-mono text-sm">Authorization: Bearer …</code>; the command line reads it from{" "}
          <code className="font-mono text-sm">WHS_API_TOKEN</code>.
        </p>
        <div>
          <ButtonLink look="primary" to={paths.tokens()}>
            I have copied it
          </ButtonLink>
        </div>
      </div>
    </div>
  );
}
