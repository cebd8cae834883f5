import type { AgentStatus } from "@whs/api";
import { Badge, type BadgeTone } from "../../ui/badge.tsx";

const STATES: Readonly<Record<AgentStatus, { label: string; tone: BadgeTone }>> = {
  created: { label: "Not deployed", tone: "neutral" },
  deploying: { label: "Deploying", tone: "accent" },
  active: { label: "Active", tone: "good" },
  error: { label: "Error", tone: "bad" },
  disabled: { label: "Disabled", tone: "warn" },
};

export function StatusBadge({ status }: { status: AgentStatus }) {
  const { label, tone } = STATES[status];
  return <Badge tone={tone}>{label}</Badge>;
}
