import { createStyle, type Style } from "./style.ts";

export interface OutputOptions {
  json: boolean;
  color: boolean;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /** What people type to start this program. */
  program: string;
}

/** Where a command says things: results on standard output, all else (progress, hints, errors) on standard error. */
export class Output {
  readonly json: boolean;
  readonly style: Style;
  /** For text on standard error, which may be a terminal when standard output is not. */
  readonly noteStyle: Style;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly #program: string;

  constructor({ json, color, stdout, stderr, program }: OutputOptions) {
    this.json = json;
    this.#program = program;
    this.stdout = stdout;
    this.stderr = stderr;
    this.style = createStyle(color && stdout.isTTY);
    this.noteStyle = createStyle(color && stderr.isTTY);
  }

  /** The API's answer as it is with `--json`, else what `render` makes of it for people. */
  answer(answer: unknown, render: () => string): void {
    if (this.json) this.jsonLine(answer);
    else this.line(render());
  }

  line(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  jsonLine(value: unknown): void {
    // A call that answers with no body has nothing to print.
    if (value !== undefined) this.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Part of a line, as it comes. */
  piece(text: string): void {
    this.stdout.write(text);
  }

  /** For people only: a program that asked for JSON reads nothing between the lines. */
  note(text: string): void {
    if (!this.json) this.stderr.write(`${text}\n`);
  }

  done(text: string): void {
    this.note(`${this.noteStyle.green("✓")} ${text}`);
  }

  /** What to type next. */
  next(...commands: readonly string[]): void {
    for (const text of commands) this.note(`  ${this.noteStyle.cyan(this.typed(text))}`);
  }

  /** A suggested command as it has to be typed here. */
  typed(text: string): string {
    return text.replace(/^whs\b/, this.#program).replace(/^artifactctl\b/, this.#program.replace(/whs$/, "artifactctl"));
  }

  warn(text: string): void {
    this.stderr.write(`${this.noteStyle.yellow("Warning:")} ${text}\n`);
  }
}
