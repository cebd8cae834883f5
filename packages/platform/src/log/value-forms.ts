/** A value this short would match by chance all over a text. */
export const MIN_VALUE_LENGTH = 6;
/** Lines of a multi-line value that are worth finding alone, as logs are read and cut by lines. */
const MIN_LINE_LENGTH = 16;
/** Longer values are looked for as they are and in JSON only: their other spellings cost more memory than they find. */
const MAX_LENGTH_OF_ALL_FORMS = 4096;

/** Every spelling in which a secret value may turn up in a text: as it is, in JSON, URLs, base64 at any offset, and hex. */
export function formsOfValue(value: string): Set<string> {
  const forms = new Set<string>();
  for (const text of [value, value.trim(), ...linesOf(value)]) {
    if (text.length < MIN_VALUE_LENGTH) continue;
    for (const form of spellingsOf(text.toWellFormed())) {
      if (form.length >= MIN_VALUE_LENGTH) forms.add(form);
    }
  }
  return forms;
}

function linesOf(value: string): string[] {
  const lines = value.split(/[\r\n]+/);
  return lines.length > 1 ? lines.map((line) => line.trim()).filter((line) => line.length >= MIN_LINE_LENGTH) : [];
}

function spellingsOf(text: string): string[] {
  const inJson = escapeForJson(text);
  // JSON within JSON, as when a request body is logged as text.
  const plain = [text, inJson, escapeForJson(inJson)];
  if (text.length > MAX_LENGTH_OF_ALL_FORMS) return plain;
  const bytes = Buffer.from(text, "utf8");
  const hex = bytes.toString("hex");
  return [...plain, escapeToAscii(inJson), ...urlForms(text), ...base64Forms(bytes), hex, hex.toUpperCase()];
}

function escapeForJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** JSON as writers outside JavaScript often spell it, with everything beyond ASCII escaped. */
function escapeToAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function urlForms(text: string): string[] {
  const forms = [encodeURIComponent(text), encodeURI(text), new URLSearchParams([["", text]]).toString().slice(1)];
  return [...forms, ...forms.map((form) => form.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()))];
}

/** The characters that depend on the value alone, for each of the three offsets it can have in what was encoded. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    const core = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
    return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
