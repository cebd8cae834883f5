import type { fleetprompt } from "@whs/api";
import { Form } from "react-router";
import { Button } from "../../ui/button.tsx";

type Status = fleetprompt.ListingStatus;

const CHANGES: Readonly<Record<Status, readonly { to: Status; label: string; effect: string }[]>> = {
  draft: [{ to: "published", label: "Publish", effect: "Everybody finds and installs it. It needs a release." }],
  published: [
    { to: "unlisted", label: "Take off the lists", effect: "Nobody finds or installs it any more; who has installed it keeps the agent." },
  ],
  unlisted: [
    { to: "published", label: "Publish again", effect: "Everybody finds and installs it." },
    { to: "draft", label: "Make it a draft", effect: "It begins anew." },
  ],
  suspended: [],
};

/** What the listing can become, and what that does. */
export function StatusForm({ status, idempotencyKey }: { status: Status; idempotencyKey: string }) {
  return (
    <section aria-labelledby="status" className="flex flex-col gap-3">
      <h2 id="status" className="text-lg font-semibold">
        Status
      </h2>
      {status === "suspended" && <p className="text-muted">Only those who look after the marketplace can lift a suspension.</p>}
      {CHANGES[status].map(({ to, label, effect }) => (
        <Form key={to} method="post" className="flex flex-wrap items-center gap-3">
          <input type="hidden" name="do" value="change-status" />
          <input type="hidden" name="idempotencyKey" value={`${idempotencyKey}-${to}`} />
          <input type="hidden" name="status" value={to} />
          <Button type="submit" look={to === "published" ? "primary" : "secondary"}>
            {label}
          </Button>
          <p className="text-muted">{effect}</p>
        </Form>
      ))}
    </section>
  );
}
