import type { fleetprompt } from "@whs/api";

type Status = fleetprompt.IntentStatus;

const next: Readonly<Record<Status, readonly Status[]>> = {
  created: ["token_issued", "expired", "canceled"],
  token_issued: ["redeemed", "expired", "canceled"],
  redeemed: [],
  expired: [],
  canceled: [],
};

/** Whether an intent may go from one status to another. */
export function mayFollow(from: Status, to: Status): boolean {
  return next[from].includes(to);
}

/** What an intent is at a time: nothing redeems it after its end, whether a job has been by or not. */
export function statusAt(intent: { status: Status; expires_at: Date }, now: Date): Status {
  return mayFollow(intent.status, "expired") && intent.expires_at <= now ? "expired" : intent.status;
}
