import type { Entitlements, PaidTier, Tier } from "@whs/api";
import { html, type Markup } from "@whs/platform/html";
import type { Subscription } from "../store.ts";
import type { managing } from "./act.ts";
import { styleElement } from "./style.ts";

export interface PageState {
  /** The plan that the account is on, whoever set it. */
  tier: Tier;
  running: Subscription | undefined;
  /** The plan that is chosen beforehand. */
  chosen: PaidTier | null;
  offered: readonly PaidTier[];
  tiers: Readonly<Record<Tier, Entitlements>>;
  returnUrl: string | undefined;
  /** What was done last. */
  notice?: string | undefined;
  /** What went wrong with it. */
  problem?: string | undefined;
}

const names: Readonly<Record<Tier, string>> = { free: "Free", starter: "Starter", pro: "Pro", enterprise: "Enterprise" };

export function checkoutPage(state: PageState): string {
  return layout({
    title: "Choose a plan",
    problem: state.problem,
    content: html`${state.notice === undefined ? undefined : html`<p class="notice" role="status">${state.notice}</p>`}
      <p>You are on the <strong>${names[state.tier]}</strong> plan.</p>
      ${planForm(state)} ${state.running === undefined ? undefined : subscriptionSection(state.running)}
      ${state.returnUrl === undefined ? undefined : html`<p><a href="${state.returnUrl}">Back to the console</a></p>`}`,
  });
}

export function refusedPage(problem: string): string {
  return layout({ title: "Not possible", problem, content: html`<p>Start another checkout to get a new link.</p>` });
}

function planForm({ offered, tier, chosen, running, tiers }: PageState): Markup {
  const preselected = chosen ?? offered.find((name) => name === running?.tier) ?? offered[0];
  const plans = offered.map((name) => {
    const checked = name === preselected ? html`checked` : undefined;
    return html`<label class="plan">
      <input type="radio" name="tier" value="${name}" required ${checked} />
      <span><strong>${names[name]}</strong>${name === tier ? " (current)" : ""}<br /><small>${summary(tiers[name])}</small></span>
    </label>`;
  });
  return html`<form method="post">
    <fieldset>
      <legend>Plan</legend>
      ${plans}
    </fieldset>
    <button type="submit" name="action" value="pay">${running === undefined ? "Pay" : "Change and pay"} (test mode)</button>
  </form>`;
}

function summary(entitlements: Entitlements): string {
  const requests = entitlements.maxRequestsPerPeriod.toLocaleString("en");
  const agents = entitlements.maxAgents.toLocaleString("en");
  return `${requests} requests a month, ${agents} agents, ${entitlements.agentcoreEnabled ? "with" : "without"} AgentCore`;
}

const described: Readonly<Record<Subscription["status"], string>> = {
  on_trial: "on trial",
  active: "active",
  past_due: "past due: the last payment failed, and the plan stays for now",
  cancelled: "cancelled",
  paused: "paused",
  unpaid: "unpaid",
  expired: "expired",
};

function subscriptionSection({ tier, status, endsAt }: Subscription): Markup {
  const end =
    status === "cancelled" && endsAt !== null
      ? html`, paid for until <time datetime="${endsAt.toISOString()}">${day(endsAt)}</time>`
      : undefined;
  const button = (action: (typeof managing)[number], label: string): Markup =>
    html`<button class="secondary" type="submit" name="action" value="${action}">${label}</button>`;
  const buttons = [
    status === "cancelled" ? button("resume", "Resume") : button("cancel", "Cancel at the end of the month"),
    status === "cancelled" ? html`` : button("fail", "Let a payment fail"),
    button("expire", "Let it expire now"),
  ];
  return html`<section aria-labelledby="subscription">
    <h2 id="subscription">Subscription</h2>
    <p>${names[tier]}, ${described[status]}${end}.</p>
    <form method="post" class="actions">${buttons}</form>
  </section>`;
}

function day(at: Date): string {
  return at.toISOString().slice(0, 10);
}

function layout({ title, problem, content }: { title: string; problem: string | undefined; content: Markup }): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${problem === undefined ? "" : "Error: "}${title} – test mode – WHS</title>
        ${styleElement}
      </head>
      <body>
        <main>
          <p class="banner"><strong>Test mode.</strong> No money moves and no card is asked for.</p>
          <h1>${title}</h1>
          ${problem === undefined ? undefined : html`<p class="problem" role="alert">${problem}</p>`} ${content}
        </main>
      </body>
    </html>`.text;
}
