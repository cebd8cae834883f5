import type { ErrorBody, invokeEvents } from "@whs/api";
import type { z } from "zod";

/** A stream as A2A sees it: what it said so far, and where it is. */
export interface Task {
  id: string;
  contextId: string;
  state: TaskState;
  text: string;
  /** Why it failed. */
  reason?: string;
  metadata: Record<string, unknown>;
}

export type TaskState = "working" | "completed" | "failed" | "canceled";

type Meta = z.output<typeof invokeEvents.meta> & { contextId?: string };

/** One step of a task. */
export type TaskEvent = { type: "begun" } | { type: "said"; text: string } | { type: "ended" } | { type: "none" };

export function newTask(id: string): Task {
  return { id, contextId: "", state: "working", text: "", metadata: {} };
}

/** Takes the next event of a stream into its task. */
export function apply(task: Task, event: string, data: unknown): TaskEvent {
  switch (event) {
    case "meta": {
      const { contextId, sessionId, traceId } = data as Meta;
      task.contextId = contextId ?? sessionId ?? task.id;
      task.metadata = { traceId, ...(sessionId === null ? {} : { sessionId }) };
      return { type: "begun" };
    }
    case "delta": {
      const { text } = data as z.output<typeof invokeEvents.delta>;
      task.text += text;
      return { type: "said", text };
    }
    case "usage":
      task.metadata = { ...task.metadata, usage: data };
      return { type: "none" };
    case "done":
      task.state = "completed";
      return { type: "ended" };
    case "error": {
      const { error } = data as ErrorBody;
      task.state = error.details["cancelled"] === true ? "canceled" : "failed";
      task.reason = error.message;
      task.metadata = { ...task.metadata, error: { code: error.code, retryable: error.retryable } };
      return { type: "ended" };
    }
  }
  return { type: "none" };
}

/** The events in a piece of a stream, as `formatEvent` has written them. */
export function* eventsOf(text: string): Generator<{ event: string; data: unknown }> {
  for (const frame of text.split("\n\n")) {
    const [, event, data] = /^id: \d+\nevent: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
    if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) as unknown };
  }
}
