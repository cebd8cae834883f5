/** Every command, in the order of the help. */
import type { Command } from "../command.ts";
import { login } from "./account/login.ts";
import { logout } from "./account/logout.ts";
import { plan } from "./account/plan.ts";
import { whoami } from "./account/whoami.ts";
import { adminBackup } from "./admin/backup.ts";
import { adminCloudflare } from "./admin/cloudflare.ts";
import { adminSecrets } from "./admin/secrets.ts";
import { adminPublishers } from "./admin/publishers.ts";
import { adminRoles } from "./admin/roles.ts";
import { adminStats } from "./admin/stats.ts";
import { adminTier } from "./admin/tier.ts";
import { adminUser } from "./admin/user.ts";
import { agentsConnect } from "./agents/connect.ts";
import { agentsCreate } from "./agents/create.ts";
import { agentsDelete } from "./agents/delete.ts";
import { agentsDisable } from "./agents/disable.ts";
import { agentsEnable } from "./agents/enable.ts";
import { agentsGet } from "./agents/get.ts";
import { agentsList } from "./agents/list.ts";
import { agentsUpdate } from "./agents/update.ts";
import { deploymentsActivate } from "./deployments/activate.ts";
import { deploymentsGet } from "./deployments/get.ts";
import { deploymentsList } from "./deployments/list.ts";
import { rollback } from "./deployments/rollback.ts";
import { deploymentsRotateKey } from "./deployments/rotate-key.ts";
import { chat } from "./invocations/chat.ts";
import { invoke } from "./invocations/invoke.ts";
import { completion } from "./machine/completion.ts";
import { doctor } from "./machine/doctor.ts";
import { up } from "./machine/up.ts";
import { listingsCreate } from "./listings/create.ts";
import { listingsGet } from "./listings/get.ts";
import { listingsList } from "./listings/list.ts";
import { listingsRestore, listingsSuspend } from "./listings/moderate.ts";
import { listingsReleases } from "./listings/releases.ts";
import { listingsRevoke } from "./listings/revoke.ts";
import { listingsSearch } from "./listings/search.ts";
import { listingsStats } from "./listings/stats.ts";
import { listingsStatus } from "./listings/status.ts";
import { listingsUpdate } from "./listings/update.ts";
import { install } from "./marketplace/install.ts";
import { publish } from "./marketplace/publish.ts";
import { errors } from "./observation/errors.ts";
import { logs } from "./observation/logs.ts";
import { metrics } from "./observation/metrics.ts";
import { trace } from "./observation/trace.ts";
import { usage } from "./observation/usage.ts";
import { build } from "./project/build.ts";
import { dev } from "./project/dev.ts";
import { deploy } from "./project/deploy.ts";
import { init } from "./project/init.ts";
import { reportsList } from "./reports/list.ts";
import { secretsDelete } from "./secrets/delete.ts";
import { secretsList } from "./secrets/list.ts";
import { secretsSet } from "./secrets/set.ts";
import { sessionsEnd } from "./sessions/end.ts";
import { sessionsList } from "./sessions/list.ts";
import { tokensCreate } from "./tokens/create.ts";
import { tokensList } from "./tokens/list.ts";
import { tokensRevoke } from "./tokens/revoke.ts";

export const nouns: Readonly<Record<string, string>> = {
  agents: "List, show, connect, create, change, disable and delete agents",
  deployments: "List, show and activate deployments",
  secrets: "Set, list and delete an agent's secrets",
  sessions: "List and end an agent's sessions",
  listings: "Search the marketplace; create, change and follow listings of your own",
  reports: "Read what people reported of the marketplace's listings",
  tokens: "Create, list and revoke API tokens",
  admin: "Operate an installation: accounts, their plans, statistics",
};

export const commands: readonly Command[] = [
  init,
  build,
  dev,
  deploy,
  rollback,
  deploymentsList,
  deploymentsGet,
  deploymentsActivate,
  deploymentsRotateKey,
  secretsSet,
  secretsList,
  secretsDelete,
  invoke,
  chat,
  agentsList,
  agentsGet,
  agentsConnect,
  agentsCreate,
  agentsUpdate,
  agentsDisable,
  agentsEnable,
  agentsDelete,
  sessionsList,
  sessionsEnd,
  publish,
  install,
  listingsSearch,
  listingsList,
  listingsGet,
  listingsCreate,
  listingsUpdate,
  listingsStatus,
  listingsReleases,
  listingsRevoke,
  listingsStats,
  listingsSuspend,
  listingsRestore,
  reportsList,
  logs,
  usage,
  metrics,
  errors,
  trace,
  login,
  logout,
  whoami,
  plan,
  tokensCreate,
  tokensList,
  tokensRevoke,
  adminCloudflare,
  adminTier,
  adminUser,
  adminBackup,
  adminRoles,
  adminPublishers,
  adminStats,
  adminSecrets,
  up,
  doctor,
  completion,
];
