/** What must never be in a payload: files that hold secrets by their name, and content that looks like one. */

/** By the last part of the path, in any letter case. */
const SECRET_FILE_NAMES: readonly { pattern: RegExp; kind: string }[] = [
  { pattern: /^\.env/, kind: ".env*" },
  { pattern: /\.pem$/, kind: "*.pem" },
  { pattern: /\.p12$/, kind: "*.p12" },
  { pattern: /^id_/, kind: "id_*" },
];

interface SecretForm {
  kind: string;
  /** Bounded, so that it fits into the overlap of two chunks. */
  pattern: RegExp;
}

const SECRET_FORMS: readonly SecretForm[] = [
  // What follows the line tells a key from code that only names the line.
  {
    kind: "a PEM private key",
    pattern: /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[ \t]{0,8}(?:\r?\n|\\r\\n|\\n)\s{0,8}[A-Za-z0-9+/]{3}/,
  },
  { kind: "an API key (sk-…)", pattern: /(?<![A-Za-z0-9_-])sk-(?:[a-z0-9]{1,16}-){0,3}[A-Za-z0-9_]{16}/ },
  { kind: "an AWS access key id (AKIA…)", pattern: /(?<![A-Za-z0-9])A[KS]IA[0-9A-Z]{16}(?![A-Za-z0-9])/ },
  { kind: "a GitHub token (ghp_…)", pattern: /(?<![A-Za-z0-9_])(?:gh[pousr]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{20})/ },
  { kind: "a WHS API token (whs_…)", pattern: /(?<![A-Za-z0-9_])whs_[A-Za-z0-9_-]{20}/ },
];

/** Longer than any match. */
const OVERLAP = 256;

/** The rule that a file's name breaks, such as `*.pem`. */
export function secretFileKind(path: string): string | null {
  const name = (path.split("/").at(-1) ?? "").toLowerCase();
  return SECRET_FILE_NAMES.find(({ pattern }) => pattern.test(name))?.kind ?? null;
}

/** What a text looks like, never the text itself. */
export function secretTextKind(text: string): string | null {
  return SECRET_FORMS.find(({ pattern }) => pattern.test(text))?.kind ?? null;
}

/** Looks through a file that comes in chunks of any size. */
export class SecretScan {
  /** The first form that was seen. */
  kind: string | null = null;
  private tail = "";

  add(chunk: Uint8Array): void {
    if (this.kind !== null) return;
    const text = this.tail + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    this.kind = secretTextKind(text);
    this.tail = text.slice(-OVERLAP);
  }
}
