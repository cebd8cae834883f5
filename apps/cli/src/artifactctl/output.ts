import type { ExitStatus, Finding } from "@whs/artifact/contract";
import { styleText } from "node:util";

/** A stream to write to; `isTTY` decides on colours. */
export interface Sink {
  write(text: string): unknown;
  isTTY?: boolean;
}

export interface Answer {
  exitCode: ExitStatus;
  findings: readonly Finding[];
  [field: string]: unknown;
}

/** Results on standard output, progress on standard error; with `--json` one object on standard output and nothing else. */
export class Output {
  readonly json: boolean;
  private readonly stdout: Sink;
  private readonly stderr: Sink;
  private readonly color: boolean;

  constructor({ json, noColor, stdout, stderr }: { json: boolean; noColor: boolean; stdout: Sink; stderr: Sink }) {
    this.json = json;
    this.stdout = stdout;
    this.stderr = stderr;
    this.color = !noColor && stdout.isTTY === true;
  }

  /** For people: what happens now. */
  progress(text: string): void {
    if (!this.json) this.stderr.write(`${text}\n`);
  }

  line(text = ""): void {
    if (!this.json) this.stdout.write(`${text}\n`);
  }

  /** Text that is the result itself, whoever reads it. */
  raw(text: string): void {
    this.stdout.write(text);
  }

  paint(format: Parameters<typeof styleText>[0], text: string): string {
    return this.color ? styleText(format, text, { validateStream: false }) : text;
  }

  /** Ends a command: all findings, and for programs the whole answer. */
  end(answer: Answer): ExitStatus {
    if (this.json) this.stdout.write(`${JSON.stringify(answer)}\n`);
    else for (const found of answer.findings) this.finding(found);
    return answer.exitCode;
  }

  private finding({ code, severity, path, message, action, line, column }: Finding): void {
    const mark = severity === "error" ? this.paint("red", "✗") : this.paint("yellow", "!");
    const place = [path, line === undefined ? "" : `(line ${line}:${column ?? 1})`].filter((part) => part !== "").join(" ");
    this.line(`${mark} ${this.paint("bold", code)}${place === "" ? "" : `  ${printableLine(place)}`}`);
    this.line(`  ${printableLine(message)}`);
    this.line(`  ${this.paint("dim", `→ ${action}`)}`);
  }
}

/** Control characters of C0 and C1: they could move the cursor or reprogram the terminal. */
// eslint-disable-next-line no-control-regex -- these characters are what it is about
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

/** Text from elsewhere as a terminal may show it. */
export function printableLine(text: string): string {
  return text.replace(CONTROL, " ");
}
