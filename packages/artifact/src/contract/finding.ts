import { FINDINGS, type FindingCode } from "./finding-codes.ts";

/** Which of the two contracts a rule belongs to; `apply` holds what only shows once both stand: values of secrets, and the state to change. */
export type ContractName = "payload" | "runtime_stack" | "apply";

export interface Finding {
  code: FindingCode;
  contract: ContractName;
  /** An error fails its contract; a warning never does. */
  severity: "error" | "warning";
  /** A field of artifact.yml such as `artifacts[0].id`; a file of a payload is `artifacts[0].bundle:agent.js`. Empty: the whole manifest. */
  path: string;
  message: string;
  /** What to do about it. */
  action: string;
  /** Where it stands in artifact.yml, counting from 1. */
  line?: number;
  column?: number;
}

/** What an installation of tools relies on: the statuses of `artifactctl`. */
export const EXIT = { done: 0, failed: 1, changes: 2, payload: 3, runtimeStack: 4, usage: 5, secretMissing: 6 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

interface Particulars {
  path: string;
  message: string;
  severity?: Finding["severity"];
  position?: { line: number; column: number } | undefined;
}

export function finding(code: FindingCode, { path, message, severity, position }: Particulars): Finding {
  const { contract, severity: usual, action } = FINDINGS[code];
  return { code, contract, severity: severity ?? usual, path, message, action, ...position };
}

export function hasErrors(findings: readonly Finding[], contract?: ContractName): boolean {
  return findings.some(({ severity, contract: own }) => severity === "error" && (contract === undefined || own === contract));
}

/** The payload is decided before the stack, the stack before the secrets, and those before everything else. */
export function exitStatusOf(findings: readonly Finding[]): ExitStatus {
  if (hasErrors(findings, "payload")) return EXIT.payload;
  if (hasErrors(findings, "runtime_stack")) return EXIT.runtimeStack;
  if (findings.some(({ severity, code }) => severity === "error" && code === "APPLY_SECRET_MISSING")) return EXIT.secretMissing;
  return hasErrors(findings) ? EXIT.failed : EXIT.done;
}

/** Text from a manifest, an archive or a server, as a message may repeat it: bounded, in one line, without control characters. */
export function shown(text: string): string {
  const escaped = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return JSON.stringify(escaped.length <= 200 ? escaped : `${escaped.slice(0, 200)}…`).replaceAll("\\\\u{", "\\u{");
}
