/** Shorter values would match by chance all over a text. */
const MIN_LENGTH = 6;
/** Longer values are looked for as they are and in JSON only. */
const MAX_LENGTH_OF_ALL_FORMS = 4096;
const MARK = "[redacted]";

/** Takes the agent's own secrets out of what it writes, in every spelling in which a log would usually hold them. */
export function createRedaction(values: readonly string[]): (text: string) => string {
  const forms = [...new Set(values.flatMap(formsOf))].filter((form) => form.length >= MIN_LENGTH);
  if (forms.length === 0) return (text) => text;
  // The longest first: one spelling may hold another.
  forms.sort((a, b) => b.length - a.length);
  const pattern = new RegExp(forms.map((form) => form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "g");
  return (text) => text.replace(pattern, MARK);
}

function formsOf(value: string): string[] {
  return [value, value.trim(), ...linesOf(value)].flatMap((text) => {
    if (text.length < MIN_LENGTH) return [];
    const inJson = JSON.stringify(text).slice(1, -1);
    const plain = [text, inJson, JSON.stringify(inJson).slice(1, -1)];
    if (text.length > MAX_LENGTH_OF_ALL_FORMS) return plain;
    const bytes = Buffer.from(text);
    return [...plain, encodeURIComponent(text), bytes.toString("hex"), ...base64Forms(bytes)];
  });
}

function linesOf(value: string): string[] {
  const lines = value.split(/[\r\n]+/);
  return lines.length > 1 ? lines.filter((line) => line.length >= 16) : [];
}

/** The characters that depend on the value alone, for each of the three offsets it can have in what was encoded. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const core = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
