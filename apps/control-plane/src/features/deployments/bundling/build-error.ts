/** One thing in the bundle that the author has to change. Lines and columns count from 1, columns in UTF-16 units. */
export interface BuildFinding {
  /** Relative to the bundle's root. */
  file: string;
  line?: number;
  column?: number;
  message: string;
}

/** The bundle cannot be built; building it again would end the same. The message is public. */
export class BundleBuildError extends Error {
  override readonly name = "BundleBuildError";
  readonly findings: readonly BuildFinding[];

  constructor(findings: readonly BuildFinding[], options?: { cause?: unknown }) {
    super(findings.map(formatFinding).join("\n"), options);
    this.findings = findings;
  }
}

/** `src/agent.ts:3:14: Expected ";" but found "x"`: the form that editors and terminals make a link of. */
export function formatFinding({ file, line, column, message }: BuildFinding): string {
  const position = line === undefined ? "" : `:${line}${column === undefined ? "" : `:${column}`}`;
  return `${file}${position}: ${message}`;
}
