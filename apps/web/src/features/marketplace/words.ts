/** What the marketplace's terms are called on pages. */
import type { fleetprompt } from "@whs/api";

export const kindNames: Readonly<Record<fleetprompt.AssetKind, string>> = {
  whs_agent: "Agent",
  agentromatic_workflow: "Workflow",
  spec_asset: "Specification",
};

export const sortNames: Readonly<Record<fleetprompt.SearchSort, string>> = {
  relevance: "Best match",
  updated: "Recently updated",
  installs: "Most installed",
  name: "Name",
};
