import { Form, Link } from "react-router";
import { paths } from "../../paths.ts";
import type { Problem } from "../../problem.ts";
import { Button } from "../../ui/button.tsx";
import { TextArea } from "../../ui/field.tsx";
import { Notice, ProblemNotice } from "../../ui/notice.tsx";

interface ReportFormProps {
  signedIn: boolean;
  listingId: string;
  idempotencyKey: string;
  answer: { reported: true } | { problem: Problem } | undefined;
}

/** Tells the operator of a listing that breaks the rules. */
export function ReportForm({ signedIn, listingId, idempotencyKey, answer }: ReportFormProps) {
  if (answer !== undefined && "reported" in answer) {
    return (
      <Notice tone="good" role="status">
        The report is with those who look after the marketplace.
      </Notice>
    );
  }
  const problem = answer?.problem;
  return (
    <details className="rounded-lg border border-line bg-surface p-4" open={problem !== undefined}>
      <summary className="font-medium">Report this listing</summary>
      {signedIn ? (
        <Form method="post" className="mt-3 flex flex-col gap-3">
          <ProblemNotice problem={problem} />
          <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
          <TextArea
            label="What is wrong with it?"
            name="reason"
            required
            maxLength={1000}
            error={problem?.fields["reason"]}
            hint="Only those who look after the marketplace read this."
          />
          <div>
            <Button type="submit">Send the report</Button>
          </div>
        </Form>
      ) : (
        <p className="mt-2 text-muted">
          <Link to={paths.signIn(paths.listing(listingId))} reloadDocument className="text-accent underline underline-offset-2">
            Sign in
          </Link>{" "}
          to report it.
        </p>
      )}
    </details>
  );
}
