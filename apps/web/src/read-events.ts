/** Server-sent events in the browser, of a resource route of this app (pass-on-events.server.ts). */
import { readServerSentEvents } from "@whs/api/sse";

export interface ReceivedEvent {
  event: string;
  id: string | null;
  data: unknown;
}

/** @throws TypeError when the connection breaks off, and an AbortError when the signal says so */
export async function* readEvents(url: string, init: RequestInit): AsyncGenerator<ReceivedEvent> {
  const response = await fetch(url, init);
  if (!response.ok || response.body === null) throw new TypeError(`The server answers ${response.status}.`);
  for await (const { event, id, data } of readServerSentEvents(chunksOf(response.body))) yield { event, id, data: JSON.parse(data) };
}

/** Not every browser can iterate a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Of a stream that broke the reader was told already.
    void reader.cancel().catch(() => undefined);
  }
}
