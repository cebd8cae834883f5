import type { Task } from "./task.ts";

/** How a version of A2A writes what WHS answers. */
export interface Dialect {
  /** Result of sending a message: what the agent said. */
  message(said: Said): object;
  /** Result of sending a message that begins a task. */
  sentTask(task: Task): object;
  /** A task by itself. */
  task(task: Task): object;
  /** First event of a stream. */
  taskEvent(task: Task): object;
  /** More of what the agent says. @param append to what was said before */
  artifactEvent(task: Task, text: string, append: boolean): object;
  statusEvent(task: Task): object;
}

interface Said {
  messageId: string;
  contextId: string;
  text: string;
  metadata: Record<string, unknown>;
}

/** A task has one artifact: its answer. */
const artifactId = "answer";

/** A2A 1.0: JSON of its protocol buffers. */
export const current: Dialect = {
  message: ({ text, ...said }) => ({ message: { ...said, role: "ROLE_AGENT", parts: [{ text }] } }),
  sentTask: (task) => ({ task: current.task(task) }),
  task: (task) => ({
    id: task.id,
    contextId: task.contextId,
    status: currentStatus(task),
    ...(task.text === "" ? {} : { artifacts: [{ artifactId, parts: [{ text: task.text }] }] }),
    metadata: task.metadata,
  }),
  taskEvent: (task) => ({ task: current.task(task) }),
  artifactEvent: (task, text, append) => ({
    artifactUpdate: { taskId: task.id, contextId: task.contextId, artifact: { artifactId, parts: [{ text }] }, append },
  }),
  statusEvent: (task) => ({
    statusUpdate: { taskId: task.id, contextId: task.contextId, status: currentStatus(task), metadata: task.metadata },
  }),
};

function currentStatus({ id, contextId, state, reason }: Task): object {
  const message = { messageId: `${id}-status`, taskId: id, contextId, role: "ROLE_AGENT", parts: [{ text: reason }] };
  return { state: `TASK_STATE_${state.toUpperCase()}`, ...(reason === undefined ? {} : { message }) };
}

/** A2A 0.3: objects that say their `kind`. */
export const former: Dialect = {
  message: ({ text, ...said }) => ({ kind: "message", ...said, role: "agent", parts: [{ kind: "text", text }] }),
  sentTask: (task) => former.task(task),
  task: (task) => ({
    kind: "task",
    id: task.id,
    contextId: task.contextId,
    status: formerStatus(task),
    ...(task.text === "" ? {} : { artifacts: [{ artifactId, parts: [{ kind: "text", text: task.text }] }] }),
    metadata: task.metadata,
  }),
  taskEvent: (task) => former.task(task),
  artifactEvent: (task, text, append) => ({
    kind: "artifact-update",
    taskId: task.id,
    contextId: task.contextId,
    artifact: { artifactId, parts: [{ kind: "text", text }] },
    append,
    lastChunk: false,
  }),
  statusEvent: (task) => ({
    kind: "status-update",
    taskId: task.id,
    contextId: task.contextId,
    status: formerStatus(task),
    final: task.state !== "working",
    metadata: task.metadata,
  }),
};

function formerStatus({ id, contextId, state, reason }: Task): object {
  const parts = [{ kind: "text", text: reason }];
  const message = { kind: "message", messageId: `${id}-status`, taskId: id, contextId, role: "agent", parts };
  return { state, ...(reason === undefined ? {} : { message }) };
}
