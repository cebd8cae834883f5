/** New lines of a deployment's log as they are written. Query: `deployment`. */
import { listDeploymentLogs } from "@whs/api";
import type { LoaderFunctionArgs } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { passOnEvents } from "../../../pass-on-events.server.ts";

/** Lines that are there already, with which a tail begins. */
const FIRST_LINES = 100;

export function loader(args: LoaderFunctionArgs): Response {
  const id = new URL(args.request.url).searchParams.get("deployment") ?? "";
  return passOnEvents(args, (signal) => apiOf(args).stream(listDeploymentLogs, { id, follow: "true", limit: FIRST_LINES, signal }));
}
