/** Every page: one line each, under its feature. Files are named by what they show; `page.tsx` shows, `*-action.ts` only does. */
import { index, layout, route, type RouteConfig } from "@react-router/dev/routes";

export default [
  // What only does something
  route("sign-out", "features/account/sign-out.ts"),
  route("preferences", "features/account/preferences.ts"),
  route("agents/:agentId/playground/stream", "features/agents/playground/playground-stream.ts"),
  route("publisher/preview", "features/publishing/preview.ts"),
  route("agents/:agentId/deployments/upload", "features/agents/deployments/upload.ts"),
  route("agents/:agentId/logs/tail", "features/agents/logs/log-tail.ts"),

  // Public pages, for visitors too
  layout("shell/public.tsx", [
    layout("shell/public-boundary.tsx", [
      index("features/home/page.tsx"),
      route("sign-in", "features/account/sign-in.tsx"),
      route("sign-up", "features/account/sign-up.tsx"),
      route("auth/callback", "features/account/callback.tsx"),

      // Marketplace
      route("marketplace", "features/marketplace/home-page.tsx"),
      route("marketplace/search", "features/marketplace/search-page.tsx"),
      route("marketplace/listings/:listingId", "features/marketplace/listing-page.tsx"),
      route("marketplace/publishers/:publisherId", "features/marketplace/publisher-page.tsx"),

      route("*", "features/home/not-found.tsx"),
    ]),
  ]),

  // The console, for people who are signed in
  layout("shell/console.tsx", [
    layout("shell/console-boundary.tsx", [
      // Agents
      route("agents", "features/agents/list-page.tsx"),
      route("agents/first", "features/agents/first-run/page.tsx"),
      route("agents/new", "features/agents/create-page.tsx"),
      route("agents/:agentId", "features/agents/agent-frame.tsx", [
        index("features/agents/overview-page.tsx"),
        route("playground", "features/agents/playground/playground-page.tsx"),
        route("sessions", "features/agents/sessions-page.tsx"),
        route("logs", "features/agents/logs/logs-page.tsx"),
        route("metrics", "features/agents/metrics/metrics-page.tsx"),
        route("errors", "features/agents/errors-page.tsx"),
        route("deployments", "features/agents/deployments/list-page.tsx"),
        route("deployments/:deploymentId", "features/agents/deployments/deployment-page.tsx"),
        route("deployments/:deploymentId/activate", "features/agents/deployments/activate-page.tsx"),
        route("secrets", "features/agents/secrets/page.tsx"),
        route("settings", "features/agents/settings/page.tsx"),
        // One line for each further tab, and one in features/agents/tabs.ts
      ]),

      // Traces
      route("traces/:traceId", "features/traces/trace-page.tsx"),

      // Usage
      route("usage", "features/usage/page.tsx"),

      // Installs
      route("install", "features/installs/install-page.tsx"),
      route("installs", "features/installs/list-page.tsx"),

      // Publishing
      route("publisher", "features/publishing/listings-page.tsx"),
      route("publisher/profile", "features/publishing/profile-page.tsx"),
      route("publisher/listings/new", "features/publishing/create-page.tsx"),
      route("publisher/listings/:listingId", "features/publishing/listing-page.tsx"),
      route("publisher/listings/:listingId/edit", "features/publishing/edit-page.tsx"),
      route("publisher/listings/:listingId/releases/new", "features/publishing/release-page.tsx"),
      route("publisher/listings/:listingId/releases/:releaseId/revoke", "features/publishing/revoke-page.tsx"),

      // Moderation
      route("admin/moderation", "features/moderation/page.tsx"),

      // API tokens
      route("tokens", "features/tokens/list-page.tsx"),
      route("tokens/new", "features/tokens/create-page.tsx"),

      // Audit log
      route("audit", "features/audit/page.tsx"),

      // Plan
      route("plan", "features/plan/page.tsx"),
    ]),
  ]),
] satisfies RouteConfig;
