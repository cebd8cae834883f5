/** One server-sent event as the wire carries it. */
export interface ServerSentEvent {
  event: string;
  data: string;
  /** The latest id that the stream has named, by this event or one before. */
  id: string | null;
}

/** Characters that one event, or one line, may have before the stream counts as broken. */
const maxEventChars = 16 * 1024 * 1024;

/**
 * Reads server-sent events from a byte stream (WHATWG HTML, "Server-sent events"); comments are heartbeats and skipped.
 * An event that the stream's end cuts off is not delivered.
 * @throws when an event is larger than 16 Mi characters, or when the stream fails.
 */
export async function* readServerSentEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  const splitLines = createLineSplitter();
  let id: string | null = null;
  let event = "";
  let data: string[] = [];
  let chars = 0;
  for await (const chunk of body) {
    for (const line of splitLines(decoder.decode(chunk, { stream: true }))) {
      if (line === "") {
        if (data.length > 0) yield { event: event === "" ? "message" : event, data: data.join("\n"), id };
        event = "";
        data = [];
        chars = 0;
        continue;
      }
      chars = requireBounded(chars + line.length);
      const { field, value } = parseLine(line);
      if (field === "event") event = value;
      else if (field === "data") data.push(value);
      else if (field === "id" && !value.includes("\0")) id = value;
    }
  }
}

/** A comment has no field's name. */
function parseLine(line: string): { field: string; value: string } {
  const colon = line.indexOf(":");
  if (colon < 0) return { field: line, value: "" };
  const start = line.startsWith(" ", colon + 1) ? colon + 2 : colon + 1;
  return { field: line.slice(0, colon), value: line.slice(start) };
}

/** Turns pieces of text into the lines that they complete; a line ends with LF, CR or both. */
function createLineSplitter(): (text: string) => string[] {
  let rest = "";
  let afterCarriageReturn = false;
  return (text) => {
    const piece = afterCarriageReturn && text.startsWith("\n") ? text.slice(1) : text;
    if (text !== "") afterCarriageReturn = text.endsWith("\r");
    const lines = piece.split(/\r\n|\r|\n/);
    lines[0] = rest + (lines[0] ?? "");
    rest = lines.pop() ?? "";
    requireBounded(rest.length);
    return lines;
  };
}

function requireBounded(chars: number): number {
  if (chars > maxEventChars) throw new Error(`A server-sent event exceeds ${maxEventChars} characters`);
  return chars;
}
