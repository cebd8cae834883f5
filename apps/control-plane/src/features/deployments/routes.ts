import * as endpoints from "@whs/api";
import { type Bind, streamed } from "@whs/platform/http";
import { startEventStream } from "../../event-stream.ts";
import type { Context, SystemContext } from "../../context.ts";
import { activateDeployment } from "./activate-deployment.ts";
import { createDeployment } from "./create-deployment.ts";
import { ingestLogs } from "./ingest-logs.ts";
import { getDeployment, listDeployments, requireDeployment } from "./list-deployments.ts";
import { followLogs, listLogs } from "./list-logs.ts";
import { createFileReader } from "./read-files.ts";
import { rotateTelemetryKey } from "./rotate-telemetry-key.ts";
import { createSourceMaps } from "./source-maps.ts";
import { createUserPlaces } from "./user-places.ts";

export function bindDeployments(bind: Bind<Context>): void {
  // Each of them looks for lines again and again.
  const followers = createUserPlaces({
    perUser: 10,
    perProcess: 200,
    tooMany: "At most 10 logs can be followed at once.",
    busy: "Too many logs are followed at once; try again in a moment.",
  });
  const files = createFileReader();
  bind(endpoints.createDeployment, (context, { params, body }) => createDeployment(context, { agentId: params.id, body }));
  bind(endpoints.listDeployments, (context, { params, query }) => listDeployments(context, { ...params, ...query }));
  bind(endpoints.getDeployment, (context, { params }) => getDeployment(context, params));
  bind(endpoints.listDeploymentFiles, (context, { params }) => files.list(context, params));
  bind(endpoints.getDeploymentFile, (context, { params, query }) => files.read(context, { ...params, ...query }));
  bind(endpoints.activateDeployment, (context, { params, body }) =>
    activateDeployment(context, { agentId: params.id, deploymentId: params.deploymentId, reason: body.reason }),
  );
  bind(endpoints.rotateTelemetryKey, (context, { params }) => rotateTelemetryKey(context, params));
  bind(endpoints.listDeploymentLogs, async (context, { params, query, http }) => {
    if (query.follow === "false") return listLogs(context, { ...params, ...query });
    await requireDeployment(context, params.id);
    const leave = followers.enter(context.user.id);
    let left: (() => void) | undefined;
    try {
      const events = startEventStream(http, { heartbeatMs: context.config.heartbeatMs });
      left = context.longAnswers.enter(context.user.id, events.cut);
      const signal = AbortSignal.any([http.request.signal, context.stopping]);
      for await (const line of followLogs(context, { id: params.id, limit: query.limit }, signal)) await events.send("line", line);
      events.end();
    } finally {
      leave();
      left?.();
    }
    return streamed;
  });
}

export function bindLogIngestion(bind: Bind<SystemContext>): void {
  const sourceMaps = createSourceMaps();
  bind(endpoints.reportLogs, (context, { rawBody, http }) => ingestLogs(context, http.request, rawBody, sourceMaps(context.blobs)));
}
