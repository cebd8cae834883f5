import type { Endpoint } from "@whs/api";
import { type HandlerInput, streamed } from "@whs/platform/http";
import type { Context } from "../../context.ts";
import { startEventStream } from "../../event-stream.ts";

/** Sends one event of a protocol that names none; resolves when the reader can take more, or is gone. */
export type SendEvent = (data: unknown) => Promise<void>;

/**
 * Answers with server-sent events, with heartbeats while nothing happens. What `tell` throws breaks the connection: an
 * error that the protocol has a form for is an event too. An account that is closed loses its answer at once.
 */
export async function answerWithEvents(
  context: Context,
  http: HandlerInput<Endpoint>["http"],
  tell: (send: SendEvent, write: (text: string) => Promise<void>) => Promise<void>,
): Promise<typeof streamed> {
  const events = startEventStream(http, { heartbeatMs: context.config.heartbeatMs });
  const leave = context.longAnswers.enter(context.user.id, events.cut);
  try {
    await tell((data) => events.write(`data: ${JSON.stringify(data)}\n\n`), events.write);
    events.end();
  } finally {
    leave();
  }
  return streamed;
}
