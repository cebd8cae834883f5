import type { fleetprompt } from "@whs/api";

type Intent = Pick<fleetprompt.InstallIntent, "status" | "outcome">;

export interface Progress {
  tone: "info" | "good" | "warn" | "bad";
  label: string;
  sentence: string;
}

/** Whether it can still be installed, or given up. */
export function isOpen({ status }: Intent): boolean {
  return status === "created" || status === "token_issued";
}

/** How far an install is. It is called installed when WHS has said so, and not before. */
export function describeProgress({ status, outcome }: Intent): Progress {
  if (outcome === "installed") return { tone: "good", label: "Installed", sentence: "WHS has installed it." };
  if (outcome === "failed") return { tone: "bad", label: "Failed", sentence: "WHS could not install it." };
  switch (status) {
    case "created":
    case "token_issued":
      return { tone: "info", label: "Not finished", sentence: "It waits for you to go on." };
    case "redeemed":
      return { tone: "info", label: "Handed over", sentence: "WHS has taken it, and has not said yet what came of it." };
    case "expired":
      return { tone: "warn", label: "Expired", sentence: "Nobody went on with it in time." };
    case "canceled":
      return { tone: "warn", label: "Canceled", sentence: "It was given up." };
  }
}
