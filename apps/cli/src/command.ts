import type { Context } from "./context.ts";

/** A positional argument. */
export interface Argument {
  summary: string;
  required: boolean;
  /** Takes all that follow. */
  variadic: boolean;
}

export type Option = { summary: string; short?: string } & (
  | { kind: "flag" }
  /** `--x` and `--no-x`; undefined when neither stands there. */
  | { kind: "switch" }
  | { kind: "text"; value: string; choices?: readonly string[] }
  | { kind: "number"; value: string; min: number; max: number }
  /** May be given several times. */
  | { kind: "list"; value: string; choices?: readonly string[] }
);

type ArgumentValue<A> = A extends { variadic: true } ? string[] : A extends { required: true } ? string : string | undefined;
type OptionValue<O> = O extends { kind: "flag" }
  ? boolean
  : O extends { kind: "switch" }
    ? boolean | undefined
    : O extends { kind: "number" }
      ? number | undefined
      : O extends { kind: "list" }
        ? string[]
        : O extends { choices: readonly (infer Choice)[] }
          ? Choice | undefined
          : string | undefined;

export type ArgumentValues<A> = { [Name in keyof A]: ArgumentValue<A[Name]> };
export type OptionValues<O> = { [Name in keyof O]: OptionValue<O[Name]> };

/** Heading under which the help lists a command. */
export type Group = "Start" | "Build and deploy" | "Run" | "Marketplace" | "Observe" | "Account" | "Operate" | "This machine";

/** A command as a value: parsing, help, completion and documentation derive from it. */
export interface Command<A = Record<string, Argument>, O = Record<string, Option>> {
  /** `["deploy"]`, or noun and verb: `["agents", "list"]`. */
  path: readonly [string] | readonly [string, string];
  summary: string;
  group: Group;
  /** In the order of the command line. */
  args: A;
  /** By their names in camel case: `dryRun` is `--dry-run`. */
  options: O;
  /** Lines for the help, each with what it does. */
  examples?: readonly (readonly [command: string, meaning: string])[];
  run(context: Context, input: { args: ArgumentValues<A>; options: OptionValues<O> }): Promise<void>;
}

/** Gives `run` the types of its declared arguments and options. */
export function command<const A extends Record<string, Argument>, const O extends Record<string, Option>>(
  declaration: Command<A, O>,
): Command {
  return declaration;
}

export const required = (summary: string) => ({ summary, required: true, variadic: false }) as const;
export const optional = (summary: string) => ({ summary, required: false, variadic: false }) as const;
export const rest = (summary: string) => ({ summary, required: false, variadic: true }) as const;

export const flag = (summary: string) => ({ kind: "flag", summary }) as const;

/** Options of every command that lists pages. */
export const pageOptions = {
  limit: { kind: "number", value: "count", summary: "How many to show (1 to 100)", min: 1, max: 100 },
  cursor: { kind: "text", value: "cursor", summary: "Where the page before ended" },
} as const;

export const agentArgument = required("The agent's name or id");
