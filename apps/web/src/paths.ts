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
  agent: (id: string) => `/agents/${segment(id)}`,

  // Usage
  usage: () => "/usage",

  // Installs

  // API tokens

  // Audit log

  // Plan
  plan: () => "/plan",

  // Marketplace
} as const;

function withReturn(path: string, returnTo: string | undefined): string {
  return returnTo === undefined ? path : `${path}?return-to=${segment(returnTo)}`;
}
