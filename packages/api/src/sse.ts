/** One server-sent event as the wire carries it. */
export interface ServerSentEvent {
  event: string;
  data: string;
  id: string | null;
}

/** Bytes that one event may hold before the stream counts as broken. */
const maxEventChars = 16 * 1024 * 1024;

/** Reads server-sent events from a byte stream (WHATWG HTML, "Server-sent events"); comments are heartbeats and skipped. */
export async function* readServerSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let buffered = "";
  let event = "message";
  let data: string[] = [];
  let id: string | null = null;
  for await (const chunk of body) {
    buffered += decoder.decode(chunk, { stream: true });
    if (buffered.length > maxEventChars) throw new Error("A server-sent event exceeds 16 MiB");
    let start = 0;
    for (let end = buffered.indexOf("\n", start); end >= 0; end = buffered.indexOf("\n", start)) {
      const line = buffered.slice(start, end).replace(/\r$/, "");
      start = end + 1;
      if (line === "") {
        if (data.length > 0) yield { event, data: data.join("\n"), id };
        event = "message";
        data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "id") id = value;
    }
    buffered = buffered.slice(start);
  }
}
