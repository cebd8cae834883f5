import type { AgentStatus } from "@whs/api";
import { Badge, type BadgeTone } from "../../ui/badge.tsx";

export const statusNames: Readonly<Record<AgentStatus, string>> = {
  created: "Not deployed",
  deploying: "Deploying",
  active: "Active",
  error: "Error",
  disabled: "Disabled",
};
const TONES: Readonly<Record<AgentStatus, BadgeTone>> = {
  created: "neutral",
  deploying: "accent",
  active: "good",
  error: "bad",
  disabled: "warn",
};

export function StatusBadge({ status }: { status: AgentStatus }) {
  return <Badge tone={TONES[status]}>{statusNames[status]}</Badge>;
}
