import { Form, useNavigation } from "react-router";
import { paths } from "../../paths.ts";
import type { Problem } from "../../problem.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";

interface ConfirmFormProps {
  /** What is installed, as hidden fields. */
  names: Readonly<Record<string, string>>;
  version: string;
  whsVersion: string | null;
  idempotencyKey: string;
  problem: Problem | undefined;
}

export function ConfirmForm({ names, version, whsVersion, idempotencyKey, problem }: ConfirmFormProps) {
  const pending = useNavigation().state === "submitting";
  return (
    <Form method="post" className="flex flex-col gap-5">
      <ProblemNotice problem={problem} />
      {problem?.code === "LIMIT_EXCEEDED" && <p>Your plan has no room for another agent. Delete one, or choose a larger plan.</p>}
      {Object.entries({ ...names, idempotencyKey }).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <p>
        Release {version} becomes an agent of yours{whsVersion !== null && ` on WHS ${whsVersion}`}: exactly the bytes that its publisher
        released, none of the publisher&apos;s secrets, under the limits of your plan.
      </p>
      <TextField
        label="Name of your agent (optional)"
        name="name"
        minLength={3}
        maxLength={64}
        pattern="[A-Za-z0-9_\-]+"
        autoComplete="off"
        hint="3 to 64 letters, digits, _ or -. Without one it is named after the listing."
        error={problem?.fields["name"]}
      />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" pending={pending}>
          Install release {version}
        </Button>
        <ButtonLink to={paths.installs()}>Cancel</ButtonLink>
      </div>
    </Form>
  );
}
