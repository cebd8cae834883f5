import { Form, useNavigation } from "react-router";
import type { Problem } from "../../../problem.ts";
import { Button } from "../../../ui/button.tsx";
import { TextField } from "../../../ui/field.tsx";
import { RefusedBundle } from "./refused-bundle.tsx";

/** Deploys what a public repository holds at a branch, a tag or a commit. */
export function RepositoryForm({ problem, idempotencyKey }: { problem: Problem | undefined; idempotencyKey: string }) {
  const pending = useNavigation().state === "submitting";
  return (
    <section aria-labelledby="repository">
      <h3 id="repository" className="mb-3 font-semibold">
        Or from a repository
      </h3>
      <Form method="post" className="flex flex-col gap-3">
        <RefusedBundle problem={problem} />
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <div className="grid items-start gap-3 sm:grid-cols-[minmax(0,2fr)_1fr]">
          <TextField
            label="Repository"
            name="githubUrl"
            type="url"
            required
            placeholder="https://github.com/owner/repository"
            hint="Public, with agent.config.json at its root."
            error={problem?.fields["artifact.githubUrl"]}
          />
          <TextField label="Branch, tag or commit" name="ref" required defaultValue="main" error={problem?.fields["artifact.ref"]} />
        </div>
        <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
          <Button type="submit" pending={pending}>
            Deploy from the repository
          </Button>
          <label className="flex items-center gap-2">
            <input type="checkbox" name="activate" defaultChecked className="size-4 accent-accent" />
            Let it serve as soon as it is deployed
          </label>
        </div>
      </Form>
    </section>
  );
}
