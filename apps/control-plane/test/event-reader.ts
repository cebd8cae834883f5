import { expect } from "vitest";

/** A stream as its bytes came, read as far as a test wants. */
export interface EventReader {
  response: Response;
  /** All bytes so far, heartbeats included. */
  readonly text: string;
  /** Whole events so far, each with its bytes. */
  readonly events: WireEvent[];
  /** Reads until there are this many events. */
  take(count: number): Promise<WireEvent[]>;
  /** Reads to the end. @throws when the connection breaks. */
  rest(): Promise<WireEvent[]>;
  /** Reads until the text has come. */
  until(text: string): Promise<void>;
  leave(): void;
}

export interface WireEvent {
  bytes: string;
  id: number;
  event: string;
  data: Record<string, unknown>;
}

export async function openReader(url: string, init: RequestInit): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { ...init, signal: leaving.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const more = async (): Promise<boolean> => {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    text += value ?? "";
    return !done;
  };
  const events = (): WireEvent[] => parseEvents(text);
  return {
    response,
    get text() {
      return text;
    },
    get events() {
      return events();
    },
    async take(count) {
      while (events().length < count)
        if (!(await more())) throw new Error(`The stream ended after ${events().length} events: ${text.slice(0, 500)}`);
      return events();
    },
    async rest() {
      while (await more());
      return events();
    },
    async until(wanted) {
      while (!text.includes(wanted)) if (!(await more())) throw new Error(`The stream ended without ${wanted}`);
    },
    leave: () => leaving.abort(),
  };
}

export function parseEvents(text: string): WireEvent[] {
  return text
    .split(/(?<=\n\n)/)
    .filter((block) => block.startsWith("id: ") && block.endsWith("\n\n"))
    .map((bytes) => {
      const match = /^id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n$/.exec(bytes);
      expect(match, bytes).not.toBeNull();
      return { bytes, id: Number(match?.[1]), event: match?.[2] ?? "", data: JSON.parse(match?.[3] ?? "") as Record<string, unknown> };
    });
}

export const bytesOf = (events: readonly WireEvent[]): string => events.map((event) => event.bytes).join("");
export const textOf = (events: readonly WireEvent[]): string =>
  events
    .filter(({ event }) => event === "delta")
    .map(({ data }) => data["text"])
    .join("");
