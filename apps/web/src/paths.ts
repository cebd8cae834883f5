/** Every URL of the app. Nothing else spells one out. */
const segment = encodeURIComponent;

export const paths = {
  home: () => "/",

  // Account
  signIn: (returnTo?: string) => withReturn("/sign-in", returnTo),
  signUp: (returnTo?: string) => withReturn("/sign-up", returnTo),
  signOut: () => "/sign-out",
  preferences: () => "/preferences",

  // Agents
  agents: () => "/agents",
  newAgent: () => "/agents/new",
  firstAgent: (id: string | null) => withQuery("/agents/first", { agent: id }),
  agent: (id: string) => `/agents/${segment(id)}`,
  playground: (id: string, session?: string) => withQuery(`/agents/${segment(id)}/playground`, { session }),
  playgroundStream: (id: string, resume?: { stream: string; after: string | null }) =>
    withQuery(`/agents/${segment(id)}/playground/stream`, { stream: resume?.stream, after: resume?.after }),
  /** The list, asking whether to end one of it. */
  sessions: (id: string, query: { end?: string; cursor?: string | null } = {}) =>
    withQuery(`/agents/${segment(id)}/sessions`, { cursor: query.cursor, end: query.end }),
  agentLogs: (id: string) => `/agents/${segment(id)}/logs`,
  logTail: (id: string, deployment: string) => withQuery(`/agents/${segment(id)}/logs/tail`, { deployment }),
  agentMetrics: (id: string) => `/agents/${segment(id)}/metrics`,
  agentErrors: (id: string) => `/agents/${segment(id)}/errors`,
  trace: (id: string) => `/traces/${segment(id)}`,
  deployments: (agentId: string) => `/agents/${segment(agentId)}/deployments`,
  uploadBundle: (agentId: string, activate: boolean) => `/agents/${segment(agentId)}/deployments/upload${activate ? "" : "?activate=no"}`,
  deployment: (agentId: string, id: string) => `/agents/${segment(agentId)}/deployments/${segment(id)}`,
  activateDeployment: (agentId: string, id: string) => `/agents/${segment(agentId)}/deployments/${segment(id)}/activate`,
  secrets: (agentId: string, query: { key?: string; delete?: string } = {}) =>
    withQuery(`/agents/${segment(agentId)}/secrets`, { key: query.key, delete: query.delete }),
  agentSettings: (agentId: string) => `/agents/${segment(agentId)}/settings`,

  // Usage
  usage: () => "/usage",

  // Installs
  installs: () => "/installs",
  /** Where the marketplace sends its buyers. */
  install: (installIntentId: string) => `/install?installIntentId=${segment(installIntentId)}`,
  installListing: (listingId: string) => `/install?listingId=${segment(listingId)}`,

  // API tokens
  tokens: () => "/tokens",
  newToken: () => "/tokens/new",
  /** The list, asking whether to revoke one of it. */
  revokeToken: (id: string, cursor: string | null) => withQuery("/tokens", { cursor, revoke: id }),

  // Audit log
  audit: (found: { action?: string; target?: string } = {}) => withQuery("/audit", found),

  // Plan
  plan: () => "/plan",

  // Marketplace
  marketplace: () => "/marketplace",
  marketplaceSearch: (parameters: Readonly<Record<string, string>> = {}) => withQuery("/marketplace/search", parameters),
  listing: (id: string, parameters: Readonly<Record<string, string>> = {}) => withQuery(`/marketplace/listings/${segment(id)}`, parameters),
  publisherPage: (id: string) => `/marketplace/publishers/${segment(id)}`,

  // Publishing
  publisher: () => "/publisher",
  publisherProfile: () => "/publisher/profile",
  preview: () => "/publisher/preview",
  newListing: () => "/publisher/listings/new",
  ownListing: (id: string) => `/publisher/listings/${segment(id)}`,
  editListing: (id: string) => `/publisher/listings/${segment(id)}/edit`,
  newRelease: (listingId: string) => `/publisher/listings/${segment(listingId)}/releases/new`,
  revokeRelease: (listingId: string, releaseId: string) =>
    `/publisher/listings/${segment(listingId)}/releases/${segment(releaseId)}/revoke`,

  // Moderation
  moderation: (query: { listingId?: string } = {}) => withQuery("/admin/moderation", query),
} as const;

function withQuery(path: string, query: Readonly<Record<string, string | null | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null) search.set(name, value);
  return search.size === 0 ? path : `${path}?${search.toString()}`;
}

function withReturn(path: string, returnTo: string | undefined): string {
  return returnTo === undefined ? path : `${path}?return-to=${segment(returnTo)}`;
}
