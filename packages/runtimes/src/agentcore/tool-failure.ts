/** Why a tool did not do what an agent asked for; the message is for the agent. */
export class ToolFailure extends Error {}

/** @throws the signal's reason as soon as it is aborted, whatever becomes of the work. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  const aborted = new Promise<never>((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
  );
  return Promise.race([work, aborted]);
}
