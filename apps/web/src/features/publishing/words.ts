import type { fleetprompt } from "@whs/api";
import type { BadgeTone } from "../../ui/badge.tsx";

export const statusNames: Readonly<Record<fleetprompt.ListingStatus, string>> = {
  draft: "Draft",
  published: "Published",
  unlisted: "Unlisted",
  suspended: "Suspended",
};

export const statusTones: Readonly<Record<fleetprompt.ListingStatus, BadgeTone>> = {
  draft: "neutral",
  published: "good",
  unlisted: "warn",
  suspended: "bad",
};

export const kindNames: Readonly<Record<fleetprompt.AssetKind, string>> = {
  whs_agent: "Agent",
  agentromatic_workflow: "Workflow",
  spec_asset: "Specification",
};
