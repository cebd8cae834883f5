import { deleteAgent, disableAgent, enableAgent, getAgent, updateAgent } from "@whs/api";
import { type ActionFunctionArgs, Form, useActionData, useNavigation } from "react-router";
import { type Api, apiOf } from "../../../api.server.ts";
import { redirectWith } from "../../../flash.server.ts";
import { textOf } from "../../../form-text.ts";
import { paths } from "../../../paths.ts";
import { invalid, type Problem } from "../../../problem.ts";
import { Button } from "../../../ui/button.tsx";
import { ChoiceField, TextArea, TextField } from "../../../ui/field.tsx";
import { ProblemNotice } from "../../../ui/notice.tsx";
import { useAgent } from "../agent-frame.tsx";

type Intent = "update" | "enable" | "disable" | "delete";
/** What was done, or what was not, with the form that it belongs to. */
type Outcome = { said: string; to: string } | { problem: Problem };

/** Form fields: `intent`, and those of the form. */
export async function action(args: ActionFunctionArgs) {
  const id = args.params["agentId"] ?? "";
  const form = await args.request.formData();
  const intent = intentOf(form.get("intent"));
  const outcome = await USE_CASES[intent](apiOf(args), id, form);
  return "problem" in outcome ? { intent, problem: outcome.problem } : redirectWith(args.context, outcome.to, outcome.said);
}

function intentOf(value: FormDataEntryValue | null): Intent {
  return value === "enable" || value === "disable" || value === "delete" ? value : "update";
}

const USE_CASES: Readonly<Record<Intent, (api: Api, id: string, form: FormData) => Promise<Outcome>>> = {
  async update(api, id, form) {
    const updated = await api.attempt(updateAgent, {
      id,
      body: {
        name: textOf(form, "name") ?? "",
        description: textOf(form, "description") ?? "",
        envVarKeys: (textOf(form, "envVarKeys") ?? "").split(/[\s,]+/).filter((key) => key !== ""),
        sharing: form.get("sharing") === "installable" ? "installable" : "private",
      },
    });
    return updated.ok ? { said: "The settings are saved.", to: paths.agentSettings(id) } : updated;
  },
  async enable(api, id) {
    const enabled = await api.attempt(enableAgent, { id });
    return enabled.ok ? { said: `${enabled.answer.agent.name} is enabled.`, to: paths.agentSettings(id) } : enabled;
  },
  async disable(api, id) {
    const disabled = await api.attempt(disableAgent, { id });
    return disabled.ok ? { said: `${disabled.answer.agent.name} is disabled.`, to: paths.agentSettings(id) } : disabled;
  },
  async delete(api, id, form) {
    const { agent } = await api.call(getAgent, { id });
    if (textOf(form, "confirmation") !== agent.name) return { problem: invalid({ confirmation: `Type ${agent.name} to delete it.` }) };
    const deleted = await api.attempt(deleteAgent, { id });
    return deleted.ok ? { said: `${agent.name} is deleted.`, to: paths.agents() } : deleted;
  },
};

export default function SettingsPage() {
  return (
    <div className="flex max-w-xl flex-col gap-10">
      <General />
      <Serving />
      <Delete />
    </div>
  );
}

/** The problem of one of the page's forms. */
function useProblem(intent: Intent): Problem | undefined {
  const failed = useActionData<typeof action>();
  return failed?.intent === intent ? failed.problem : undefined;
}

function usePending(...intents: Intent[]): boolean {
  const { state, formData } = useNavigation();
  return state === "submitting" && intents.includes(intentOf(formData?.get("intent") ?? null));
}

function General() {
  const agent = useAgent();
  const problem = useProblem("update");
  const pending = usePending("update");
  const keyProblem = Object.entries(problem?.fields ?? {}).find(([name]) => name.startsWith("envVarKeys"));
  return (
    <section aria-labelledby="general">
      <h2 id="general" className="mb-3 text-lg font-semibold">
        General
      </h2>
      <Form key={agent.updatedAt} method="post" className="flex flex-col gap-5">
        <ProblemNotice problem={problem} />
        <TextField
          label="Name"
          name="name"
          required
          minLength={3}
          maxLength={64}
          pattern="[A-Za-z0-9_\-]+"
          autoComplete="off"
          defaultValue={agent.name}
          hint="Programs that call the agent by its name must use the new one."
          error={problem?.fields["name"]}
        />
        <TextArea
          label="Description"
          name="description"
          maxLength={4000}
          defaultValue={agent.description ?? ""}
          error={problem?.fields["description"]}
        />
        <TextArea
          label="Environment variables"
          name="envVarKeys"
          spellCheck={false}
          defaultValue={agent.envVarKeys.join("\n")}
          hint="One key a line. Their values are secrets; a key with a value cannot be removed before it."
          error={keyProblem?.[1]}
        />
        <ChoiceField
          label="Sharing"
          name="sharing"
          defaultValue={agent.sharing}
          error={problem?.fields["sharing"]}
          choices={[
            { value: "private", label: "Private", description: "It is yours alone." },
            {
              value: "installable",
              label: "Installable",
              description: "Releases of it may be published on the marketplace, and others may install copies. Your secrets stay yours.",
            },
          ]}
        />
        <div>
          <Button type="submit" look="primary" name="intent" value="update" pending={pending}>
            Save
          </Button>
        </div>
      </Form>
    </section>
  );
}

function Serving() {
  const agent = useAgent();
  const pending = usePending("enable", "disable");
  const disabled = agent.status === "disabled";
  const problem = useProblem(disabled ? "enable" : "disable");
  return (
    <section aria-labelledby="serving">
      <h2 id="serving" className="mb-3 text-lg font-semibold">
        {disabled ? "Enable" : "Disable"}
      </h2>
      <Form method="post" className="flex flex-col items-start gap-4">
        <ProblemNotice problem={problem} />
        <p>
          {disabled
            ? "It serves again from the next request on, with the deployment that was active."
            : "Every request is refused from then on, until the agent is enabled again. Nothing is lost."}
        </p>
        <Button type="submit" name="intent" value={disabled ? "enable" : "disable"} pending={pending}>
          {disabled ? "Enable agent" : "Disable agent"}
        </Button>
      </Form>
    </section>
  );
}

function Delete() {
  const agent = useAgent();
  const problem = useProblem("delete");
  const pending = usePending("delete");
  return (
    <section aria-labelledby="delete" className="rounded-lg border border-bad bg-surface p-5">
      <h2 id="delete" className="mb-3 text-lg font-semibold">
        Delete
      </h2>
      <Form method="post" autoComplete="off" className="flex flex-col items-start gap-4">
        <ProblemNotice problem={problem} />
        <p>The agent, its deployments, sessions and secrets are gone at once. There is no way back.</p>
        <TextField
          label={`Type ${agent.name} to confirm`}
          name="confirmation"
          required
          autoComplete="off"
          spellCheck={false}
          error={problem?.fields["confirmation"]}
        />
        <Button type="submit" look="danger" name="intent" value="delete" pending={pending}>
          Delete agent
        </Button>
      </Form>
    </section>
  );
}
