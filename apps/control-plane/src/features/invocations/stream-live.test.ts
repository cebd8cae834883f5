import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatEvent } from "../../event-stream.ts";
import { LiveStream } from "./stream-live.ts";

const graceMs = 10_000;
const open = (over: { detach?: boolean; hearsOthers?: () => boolean } = {}) =>
  new LiveStream({
    id: "str_a",
    userId: "usr_a",
    agentId: "agt_a",
    detach: false,
    graceMs,
    hearsOthers: () => true,
    onEvent: () => undefined,
    ...over,
  });

/** The first event is shown by then. */
const shown = (): void => void vi.advanceTimersByTime(5);

describe("a stream in memory", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("shows its first event with the next one, or alone after a moment", () => {
    const [alone, together] = [open(), open()];
    let woken = 0;
    for (const stream of [alone, together]) {
      stream.join(() => (woken += 1));
      stream.append("meta", {});
      expect(stream.after(0)).toBeUndefined();
    }
    together.append("delta", {});
    vi.advanceTimersByTime(0);
    expect(together.after(0)).toMatchObject({ lastEventId: 2 });
    expect(alone.after(0)).toBeUndefined();
    shown();
    expect(alone.after(0)).toMatchObject({ lastEventId: 1 });
    expect(woken).toBe(2);
  });

  it("gives readers what they lack, until it is stored and out of the window", () => {
    const stream = open();
    const text = "x".repeat(100_000);
    for (let n = 0; n < 10; n++) stream.append("delta", { text });
    shown();
    const batch = stream.unstored(Number.POSITIVE_INFINITY);
    expect(batch?.lastEventId).toBe(10);
    expect(batch?.chunks.map((chunk) => chunk.text).join("")).toBe(
      Array.from({ length: 10 }, (_, n) => formatEvent(n + 1, "delta", { text })).join(""),
    );
    expect(stream.after(0)).toMatchObject({ lastEventId: 1, ended: false });
    stream.markStored(10);
    expect(stream.after(0)).toBe("stored");
    expect(stream.after(9)).toMatchObject({ lastEventId: 10 });
    expect(stream.after(10)).toBeUndefined();
    expect(stream.unstored(1)).toBeUndefined();
  });

  it("keeps what is not stored, however much that is", () => {
    const stream = open();
    for (let n = 0; n < 10; n++) stream.append("delta", { text: "x".repeat(100_000) });
    shown();
    stream.markStored(2);
    stream.giveUpStoring();
    expect(stream.after(2)).toMatchObject({ lastEventId: 3 });
    expect(stream.unstored(1)).toBeUndefined();
  });

  it("says with its last event that it has ended, and takes no more", () => {
    const stream = open();
    stream.append("meta", {});
    stream.end("done", {});
    shown();
    expect(stream.after(0)).toEqual({ text: formatEvent(1, "meta", {}) + formatEvent(2, "done", {}), lastEventId: 2, ended: true });
    expect(stream.after(2)).toEqual({ text: "", lastEventId: 2, ended: true });
    expect(() => stream.append("delta", {})).toThrow("has ended");
  });
});

describe("the time of grace", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const wake = (): void => undefined;

  it("begins when the last reader leaves and ends when one comes", () => {
    const stream = open();
    const other = (): void => undefined;
    stream.join(wake);
    stream.join(other);
    stream.leave(wake);
    vi.advanceTimersByTime(graceMs * 2);
    expect(stream.cancelled.aborted).toBe(false);
    stream.leave(other);
    vi.advanceTimersByTime(graceMs - 1);
    stream.join(wake);
    vi.advanceTimersByTime(graceMs * 2);
    expect(stream.cancelled.aborted).toBe(false);
    stream.leave(wake);
    vi.advanceTimersByTime(graceMs);
    expect(stream.cancelled.aborted).toBe(true);
  });

  it("is prolonged by readers at other gateways, and while these cannot be heard", () => {
    let hears = true;
    const stream = open({ hearsOthers: () => hears });
    stream.join(wake);
    stream.leave(wake);
    stream.followedElsewhere(graceMs * 3);
    vi.advanceTimersByTime(graceMs * 3 - 1);
    expect(stream.cancelled.aborted).toBe(false);
    hears = false;
    vi.advanceTimersByTime(graceMs * 3);
    expect(stream.cancelled.aborted).toBe(false);
    hears = true;
    vi.advanceTimersByTime(graceMs);
    expect(stream.cancelled.aborted).toBe(true);
  });

  it("does not exist for detached streams and after the end", () => {
    const detached = open({ detach: true });
    const ended = open();
    for (const stream of [detached, ended]) stream.join(wake);
    ended.end("done", {});
    for (const stream of [detached, ended]) stream.leave(wake);
    vi.advanceTimersByTime(graceMs * 10);
    expect([detached.cancelled.aborted, ended.cancelled.aborted]).toEqual([false, false]);
  });
});
