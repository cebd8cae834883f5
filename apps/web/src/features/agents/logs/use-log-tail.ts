import type { LogLine } from "@whs/api";
import { useCallback, useEffect, useRef, useState } from "react";
import { paths } from "../../../paths.ts";
import type { Problem } from "../../../problem.ts";
import { readEvents } from "../../../read-events.ts";

/** What stays on the page; older lines are a page further. */
const KEPT_LINES = 500;
/** Lines that come close together are shown together. */
const SHOW_EVERY_MS = 100;
const RETRY_AFTER_MS = [500, 1_000, 2_000, 4_000, 8_000];

export type TailState = "off" | "following" | "reconnecting" | "paused" | "failed";

export interface TailLine extends LogLine {
  key: number;
}

interface Tail {
  state: TailState;
  /** Newest first. */
  lines: readonly TailLine[];
  problem: Problem | null;
}

/** Follows a deployment's log. Each connection begins with the newest lines, so that none is missing or there twice. */
export function useLogTail(agentId: string, deploymentId: string) {
  const [tail, setTail] = useState<Tail>({ state: "off", lines: [], problem: null });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const follow = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    void followUntil(paths.logTail(agentId, deploymentId), controller.signal, setTail);
  }, [agentId, deploymentId]);
  const pause = useCallback(() => {
    running.current?.abort();
    setTail((before) => ({ ...before, state: "paused" }));
  }, []);
  return { ...tail, follow, pause };
}

type SetTail = (change: (before: Tail) => Tail) => void;

async function followUntil(url: string, signal: AbortSignal, setTail: SetTail): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const shown = showLines(setTail, signal);
    setTail((before) => ({ ...before, state: attempt === 0 ? "following" : "reconnecting", problem: null }));
    const problem = await readTail(url, signal, (line) => {
      attempt = 0;
      shown.add(line);
    });
    shown.flush();
    if (signal.aborted) return;
    const wait = RETRY_AFTER_MS[attempt];
    const final = problem !== undefined && problem.code !== "UNREACHABLE" && problem.code !== "UNAVAILABLE";
    if (final || wait === undefined) {
      setTail((before) => ({ ...before, state: "failed", problem: problem ?? null }));
      return;
    }
    setTail((before) => ({ ...before, state: "reconnecting" }));
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** @returns the problem that ended the stream; undefined when the connection was lost or left */
async function readTail(url: string, signal: AbortSignal, onLine: (line: LogLine) => void): Promise<Problem | undefined> {
  try {
    for await (const { event, data } of readEvents(url, { signal })) {
      if (event === "problem") return data as Problem;
      if (event === "line") onLine(data as LogLine);
    }
    return undefined;
  } catch (error) {
    if (signal.aborted || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Lines of one connection; the first ones replace those of the connection before. */
function showLines(setTail: SetTail, signal: AbortSignal): { add: (line: LogLine) => void; flush: () => void } {
  let waiting: TailLine[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let key = 0;
  let first = true;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0 || signal.aborted) return;
    const newest = waiting.toReversed();
    waiting = [];
    const replaces = first;
    first = false;
    setTail((before) => ({
      ...before,
      state: "following",
      lines: [...newest, ...(replaces ? [] : before.lines)].slice(0, KEPT_LINES),
    }));
  };
  return {
    flush,
    add(line) {
      waiting.push({ ...line, key: (key += 1) });
      timer ??= setTimeout(flush, SHOW_EVERY_MS);
    },
  };
}
