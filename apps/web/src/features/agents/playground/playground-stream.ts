/** The playground's answer as it comes: a POST begins an invocation, a GET goes on with its stream after a lost connection. */
import { invokeAgentStream, resumeAgentStream } from "@whs/api";
import type { ActionFunctionArgs, LoaderFunctionArgs } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { textOf } from "../../../form-text.ts";
import { passOnEvents } from "../../../pass-on-events.server.ts";

/** Form fields: `prompt`, `sessionId`. */
export async function action(args: ActionFunctionArgs): Promise<Response> {
  const agentId = args.params["agentId"] ?? "";
  const form = await args.request.formData();
  const prompt = form.get("prompt");
  const sessionId = textOf(form, "sessionId");
  return passOnEvents(args, (signal) =>
    apiOf(args).stream(invokeAgentStream, {
      agentId,
      body: { input: { prompt: typeof prompt === "string" ? prompt : "" }, ...(sessionId === undefined ? {} : { sessionId }) },
      signal,
    }),
  );
}

/** Query: `stream`, and `after`, the last event that arrived. */
export function loader(args: LoaderFunctionArgs): Response {
  const agentId = args.params["agentId"] ?? "";
  const query = new URL(args.request.url).searchParams;
  const lastEventId = query.get("after");
  return passOnEvents(args, (signal) =>
    apiOf(args).stream(resumeAgentStream, {
      agentId,
      streamId: query.get("stream") ?? "",
      ...(lastEventId === null ? {} : { lastEventId }),
      signal,
    }),
  );
}
