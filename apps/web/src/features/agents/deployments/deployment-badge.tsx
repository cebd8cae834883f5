import type { Deployment } from "@whs/api";
import { Badge, type BadgeTone } from "../../../ui/badge.tsx";

const NAMES: Readonly<Record<Deployment["status"], string>> = {
  deploying: "Deploying",
  active: "Deployed",
  failed: "Failed",
  rolled_back: "Replaced",
};
const TONES: Readonly<Record<Deployment["status"], BadgeTone>> = {
  deploying: "accent",
  active: "neutral",
  failed: "bad",
  rolled_back: "neutral",
};

/** Which deployment serves is the agent's to say: `activeDeploymentId`. */
export function DeploymentBadge({ status, serves }: { status: Deployment["status"]; serves: boolean }) {
  return serves ? <Badge tone="good">Serves now</Badge> : <Badge tone={TONES[status]}>{NAMES[status]}</Badge>;
}
