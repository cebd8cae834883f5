import { ApiError, type Deployment, getDeployment, listDeploymentLogs } from "@whs/api";
import { setTimeout as delay } from "node:timers/promises";
import type { Api } from "../api.ts";
import { UserError } from "../errors.ts";
import { printableLine } from "../terminal/style.ts";

const FIRST_INTERVAL_MS = 150;
const LONGEST_INTERVAL_MS = 2_000;
/** A deploy is noticed late by a sixth of its time at most. */
const GROWTH = 1.15;
/** An API that restarts meanwhile is waited for; the deploy itself goes on. */
const TOLERATED_FAILURES = 5;

type Answer = { deployment: Deployment; traceId: string };

/** The deployment once it is no longer deploying. @throws UserError when that takes longer than `timeoutMs` */
export async function waitForDeployment(api: Api, id: string, timeoutMs: number, firstIntervalMs = FIRST_INTERVAL_MS): Promise<Answer> {
  const deadline = Date.now() + timeoutMs;
  let failures = 0;
  for (let interval = firstIntervalMs; ; interval = Math.min(interval * GROWTH, LONGEST_INTERVAL_MS)) {
    try {
      const answer = await api.call(getDeployment, { id });
      if (answer.deployment.status !== "deploying") return answer;
      failures = 0;
    } catch (error) {
      failures += 1;
      if (!(error instanceof ApiError && error.retryable) || failures > TOLERATED_FAILURES) throw error;
    }
    if (Date.now() + interval > deadline) {
      throw new UserError(`The deploy still runs after ${Math.round(timeoutMs / 1000)} s.`, {
        code: "TIMEOUT",
        next: [`whs deployments get ${id}`],
      });
    }
    await delay(interval);
  }
}

/** What to tell of a failed deploy: its message, and what its log says. */
export async function describeFailure(api: Api, deployment: Deployment, agentName: string): Promise<UserError> {
  const { lines } = await api.call(listDeploymentLogs, { id: deployment.id, limit: 20 });
  const message = deployment.errorMessage ?? "It does not say why.";
  const findings = lines
    .filter(({ source, level }) => source === "deploy" && (level === "error" || level === "warn"))
    .toReversed()
    .map((line) => line.message)
    .filter((text) => text !== message)
    .flatMap((text) => text.split("\n").map(printableLine));
  return new UserError(`Version ${deployment.version} of ${agentName} failed: ${message}`, {
    code: "DEPLOYMENT_FAILED",
    details: findings,
    next: [`whs logs ${agentName} --deployment ${deployment.version}`],
  });
}
