import * as a2a from "./a2a.ts";
import * as account from "./account.ts";
import * as agUi from "./ag-ui.ts";
import * as agents from "./agents.ts";
import * as billing from "./billing.ts";
import * as delegation from "./delegation.ts";
import * as deployments from "./deployments.ts";
import * as installs from "./installs.ts";
import * as internal from "./internal.ts";
import * as invocations from "./invocations.ts";
import * as mcp from "./mcp.ts";
import * as openAi from "./open-ai.ts";
import * as operator from "./operator.ts";
import * as runtime from "./runtime.ts";
import * as sessions from "./sessions.ts";
import * as telemetry from "./telemetry.ts";
import * as usage from "./usage.ts";

/** Every endpoint of WHS, by export name. */
export const whsEndpoints = {
  ...account,
  ...agents,
  ...deployments,
  ...invocations,
  ...sessions,
  ...delegation,
  ...telemetry,
  ...usage,
  ...billing,
  ...operator,
  ...runtime,
  ...installs,
};

/** Every endpoint that speaks an open protocol, by export name. */
export const protocolEndpoints = { ...openAi, ...agUi, ...mcp, ...a2a };

export const whsApiInfo = {
  title: "WebHost Systems",
  version: "1.0",
  description:
    "Hosting for AI agents: deploy, invoke, meter and roll back, on Cloudflare Workers and AWS Bedrock AgentCore behind one API.",
};

export const internalEndpoints = { ...internal };
