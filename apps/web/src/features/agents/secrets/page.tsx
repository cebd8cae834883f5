import { deleteSecret, getAgent, getDeployment, listSecrets, setSecrets, updateAgent } from "@whs/api";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { type Api, apiOf, type Attempt } from "../../../api.server.ts";
import { redirectWith } from "../../../flash.server.ts";
import { textOf } from "../../../form-text.ts";
import { paths } from "../../../paths.ts";
import { invalid } from "../../../problem.ts";
import { Badge } from "../../../ui/badge.tsx";
import { Button, ButtonLink } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/empty-state.tsx";
import { TextField } from "../../../ui/field.tsx";
import { Notice, ProblemNotice } from "../../../ui/notice.tsx";
import { type Column, Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { useAgent } from "../agent-frame.tsx";

interface Secret {
  key: string;
  isSet: boolean;
  updatedAt: string | null;
  /** The version that serves cannot do without it. */
  required: boolean;
}

/** Which secrets there are; no answer of the API has a value. Query: `key`, to be set; `delete`, to be confirmed. */
export async function loader(args: LoaderFunctionArgs) {
  const api = apiOf(args);
  const id = args.params["agentId"] ?? "";
  const search = new URL(args.request.url).searchParams;
  const [{ agent }, { items }] = await Promise.all([api.call(getAgent, { id }), api.call(listSecrets, { id })]);
  const active = agent.activeDeploymentId === null ? null : await api.call(getDeployment, { id: agent.activeDeploymentId });
  const required = active?.deployment.manifest?.env.requiredKeys ?? [];
  const missing = required.filter((key) => items.every((item) => item.key !== key));
  const secrets: Secret[] = [...items, ...missing.map((key) => ({ key, isSet: false, updatedAt: null }))].map((item) => ({
    ...item,
    required: required.includes(item.key),
  }));
  // Another form after every load: what was typed into the one before goes with it.
  return { secrets, key: search.get("key") ?? "", toDelete: search.get("delete"), form: crypto.randomUUID() };
}

/** Form fields: `key`, and `value` to set it or `intent` = `delete`. */
export async function action(args: ActionFunctionArgs) {
  const api = apiOf(args);
  const id = args.params["agentId"] ?? "";
  const form = await args.request.formData();
  const key = textOf(form, "key") ?? "";
  if (form.get("intent") === "delete") {
    const deleted = await api.attempt(deleteSecret, { id, key });
    return deleted.ok ? redirectWith(args.context, paths.secrets(id), `${key} is deleted.`) : { problem: deleted.problem, key };
  }
  const value = form.get("value");
  if (typeof value !== "string" || value === "") return { problem: invalid({ value: "A secret has a value." }), key };
  const declared = await declare(api, id, key);
  if (!declared.ok) return { problem: declared.problem, key };
  const set = await api.attempt(setSecrets, { id, body: { secrets: { [key]: value } } });
  return set.ok ? redirectWith(args.context, paths.secrets(id), `${key} is set.`) : { problem: set.problem, key };
}

/** The agent names the keys that it has; a new one is added to them. */
async function declare(api: Api, id: string, key: string): Promise<Attempt<unknown>> {
  const { agent } = await api.call(getAgent, { id });
  if (agent.envVarKeys.includes(key)) return { ok: true, answer: undefined };
  return api.attempt(updateAgent, { id, body: { envVarKeys: [...agent.envVarKeys, key] } });
}

export default function SecretsPage() {
  const { secrets, toDelete } = useLoaderData<typeof loader>();
  const agent = useAgent();
  const missing = secrets.filter(({ required, isSet }) => required && !isSet);
  return (
    <div className="flex flex-col gap-8">
      {missing.length > 0 && (
        <Notice tone="warn">The version that serves needs {missing.map(({ key }) => key).join(", ")}, which is not set.</Notice>
      )}
      {toDelete !== null && <ConfirmDelete secretKey={toDelete} />}
      <section aria-labelledby="secrets">
        <h2 id="secrets" className="mb-1 text-lg font-semibold">
          Secrets
        </h2>
        <p className="mb-3 max-w-prose text-muted">
          Values go to the agent alone: nobody can read them here, you included.{" "}
          {agent.runtimeProvider === "cloudflare"
            ? "A change takes effect at once, without a deployment."
            : "A change takes effect with the next deployment."}
        </p>
        {secrets.length === 0 ? (
          <EmptyState title="No secrets yet">An agent finds its secrets in its environment, by their names.</EmptyState>
        ) : (
          <Table caption="Secrets of the agent" columns={columnsFor(agent.id)} rows={secrets} rowKey={({ key }) => key} />
        )}
      </section>
      <SetSecret />
    </div>
  );
}

function columnsFor(agentId: string): Column<Secret>[] {
  return [
    {
      key: "key",
      label: "Key",
      cell: ({ key, required }) => (
        <span className="flex flex-wrap items-center gap-2">
          <code className="font-mono text-sm">{key}</code>
          {required && <Badge tone="accent">Required</Badge>}
        </span>
      ),
    },
    {
      key: "isSet",
      label: "State",
      cell: ({ isSet, required }) => <Badge tone={isSet ? "good" : required ? "bad" : "neutral"}>{isSet ? "Set" : "Not set"}</Badge>,
    },
    {
      key: "updatedAt",
      label: "Last rotated",
      cell: ({ updatedAt }) => (updatedAt === null ? "Never" : <Time value={updatedAt} form="relative" />),
      optional: true,
    },
    {
      key: "actions",
      label: "Actions",
      cell: ({ key, isSet }) => (
        <span className="flex flex-wrap gap-4">
          <Link to={paths.secrets(agentId, { key })} className="text-accent hover:underline">
            {isSet ? "Rotate" : "Set"}
            <span className="sr-only"> {key}</span>
          </Link>
          {isSet && (
            <Link to={paths.secrets(agentId, { delete: key })} className="text-bad hover:underline">
              Delete<span className="sr-only"> {key}</span>
            </Link>
          )}
        </span>
      ),
    },
  ];
}

function SetSecret() {
  const { key, form } = useLoaderData<typeof loader>();
  const failed = useActionData<typeof action>();
  const pending = useNavigation().state === "submitting";
  const name = failed?.key ?? key;
  return (
    <section aria-labelledby="set">
      <h2 id="set" className="mb-3 text-lg font-semibold">
        Set a secret
      </h2>
      <Form key={form} method="post" autoComplete="off" className="flex max-w-xl flex-col gap-5">
        <ProblemNotice problem={failed?.problem} />
        <TextField
          label="Key"
          name="key"
          required
          maxLength={128}
          pattern="[A-Z][A-Z0-9_]*"
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          defaultValue={name}
          hint="Capital letters, digits and _, such as OPENAI_API_KEY."
        />
        <TextField
          label="Value"
          name="value"
          type="password"
          required
          // Browsers do not offer saved passwords for a new one.
          autoComplete="new-password"
          spellCheck={false}
          hint="At most 64 KiB. For several lines use the command line: npx whs secrets set."
          error={failed?.problem.fields["value"] ?? failed?.problem.fields[`secrets.${name}`]}
        />
        <div>
          <Button type="submit" look="primary" pending={pending}>
            Set secret
          </Button>
        </div>
      </Form>
    </section>
  );
}

function ConfirmDelete({ secretKey }: { secretKey: string }) {
  const agent = useAgent();
  return (
    <section aria-labelledby="confirm" className="rounded-lg border border-bad bg-surface p-5">
      <h2 id="confirm" className="text-lg font-semibold">
        Delete {secretKey}?
      </h2>
      <p className="mt-2 max-w-prose">The agent does without it from then on, and deployments that require it are refused.</p>
      <Form method="post" action={paths.secrets(agent.id)} className="mt-4 flex flex-wrap gap-2">
        <input type="hidden" name="key" value={secretKey} />
        <Button type="submit" look="danger" name="intent" value="delete">
          Delete {secretKey}
        </Button>
        <ButtonLink to={paths.secrets(agent.id)}>Cancel</ButtonLink>
      </Form>
    </section>
  );
}
