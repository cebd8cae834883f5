import { type Argument as CommanderArgument, Command as Commander, InvalidArgumentError, Option as CommanderOption } from "commander";
import type { Argument, Command, Option } from "./command.ts";
import { commands, nouns } from "./commands/index.ts";
import type { SharedOptions } from "./context.ts";
import { kebab } from "./names.ts";

/** Runs a parsed command. */
export type Runner = (
  command: Command,
  input: { args: Record<string, string | string[] | undefined>; options: Record<string, unknown> },
  shared: SharedOptions,
) => Promise<void>;

/** Binds the declared commands to a parser. Mistakes on the command line end in a `CommanderError`. */
export function createProgram(
  version: string,
  run: Runner,
  print: { out: (text: string) => void; err: (text: string) => void },
  /** What people type to start this program. */
  typed: string,
): Commander {
  const program = new Commander("whs")
    .description("Deploy AI agents, invoke them, and see what they do.")
    .version(version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Show help")
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (bound) => [bound.name(), ...bound.registeredArguments.map(describeArgument)].join(" "),
    })
    .configureOutput({ writeOut: print.out, writeErr: print.err, outputError: (text, write) => write(describeMistake(text)) })
    .exitOverride()
    .showHelpAfterError(`Next: ${typed} --help`)
    .option("--json", "Print the API's answer as JSON")
    .option("--profile <name>", "Use this profile's address and token")
    .option("--api-url <url>", "Address of the WHS API")
    .option("--no-color", "Print without colours")
    .helpCommand("help [command]", "Show help of a command")
    .addHelpText(
      "after",
      "\nEnvironment: WHS_API_URL and WHS_API_TOKEN win over the profile.\nExit codes: 0 ok, 1 failed, 2 usage, 3 not signed in, 4 limit.",
    );
  const parents = new Map<string, Commander>();
  for (const declaration of commands) bind(declaration, parentOf(declaration, program, parents), run, typed);
  for (const [noun, parent] of parents)
    parent.showHelpAfterError(`It can: ${parent.commands.map((bound) => bound.name()).join(", ")}\nNext: ${typed} ${noun} --help`);
  return program;
}

function parentOf({ path, group }: Command, program: Commander, parents: Map<string, Commander>): Commander {
  const [noun] = path;
  if (path.length === 1) return program;
  const known = parents.get(noun);
  if (known !== undefined) return known;
  const parent = program
    .command(noun)
    .description(nouns[noun] ?? "")
    .helpGroup(`${group}:`)
    .helpCommand(false);
  parents.set(noun, parent);
  return parent;
}

function bind(declaration: Command, parent: Commander, run: Runner, typed: string): void {
  const { path, summary, group, args, options, examples } = declaration;
  const bound = parent
    .command(path.at(-1) ?? "")
    .description(summary)
    .summary(summary)
    .allowExcessArguments(false)
    .showHelpAfterError(`Next: ${typed} ${path.join(" ")} --help`);
  if (path.length === 1) bound.helpGroup(`${group}:`);
  for (const [name, argument] of Object.entries(args)) bound.argument(argumentSyntax(name, argument), argument.summary);
  for (const [name, option] of Object.entries(options)) for (const form of toCommanderOptions(name, option)) bound.addOption(form);
  if (examples !== undefined) bound.addHelpText("after", formatExamples(examples));
  bound.action(async () => {
    const { json = false, color, profile, apiUrl } = bound.optsWithGlobals<Partial<SharedOptions>>();
    const given = bound.opts<Record<string, unknown>>();
    const values = Object.fromEntries(
      Object.keys(args).map((name, index) => [name, bound.processedArgs[index] as string | string[] | undefined]),
    );
    await run(declaration, { args: values, options: withDefaults(options, given) }, { json, color: color ?? true, profile, apiUrl });
  });
}

function argumentSyntax(name: string, { required, variadic }: Pick<Argument, "required" | "variadic">): string {
  const text = `${kebab(name)}${variadic ? "..." : ""}`;
  return required ? `<${text}>` : `[${text}]`;
}

function toCommanderOptions(name: string, option: Option): CommanderOption[] {
  const long = `--${kebab(name)}`;
  const flags = option.short === undefined ? long : `-${option.short}, ${long}`;
  if (option.kind === "flag") return [new CommanderOption(flags, option.summary)];
  if (option.kind === "switch") return [new CommanderOption(flags, option.summary), new CommanderOption(`--no-${kebab(name)}`).hideHelp()];
  const taking = new CommanderOption(`${flags} <${option.value}>`, option.summary);
  if (option.kind === "number") return [taking.argParser((text) => parseNumber(text, option.min, option.max))];
  if (option.kind === "list")
    return [taking.argParser((text, before: string[] | undefined) => [...(before ?? []), parseChoice(text, option.choices)])];
  return [option.choices === undefined ? taking : taking.choices(option.choices)];
}

function parseChoice(text: string, choices: readonly string[] | undefined): string {
  if (choices !== undefined && !choices.includes(text)) throw new InvalidArgumentError(`It must be one of ${choices.join(", ")}.`);
  return text;
}

function parseNumber(text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  return value;
}

function withDefaults(options: Readonly<Record<string, Option>>, given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { kind }]) => [name, given[name] ?? (kind === "flag" ? false : kind === "list" ? [] : undefined)]),
  );
}

function formatExamples(examples: NonNullable<Command["examples"]>): string {
  const widest = Math.max(...examples.map(([text]) => text.length));
  return `\nExamples:\n${examples.map(([text, meaning]) => `  ${text.padEnd(widest)}  ${meaning}`).join("\n")}`;
}

function describeArgument(argument: CommanderArgument): string {
  return argumentSyntax(argument.name(), argument);
}

/**
 * The parser's message as all errors of this program look. An option that does not exist may have been meant to carry
 * a secret: what stands behind `=` is not repeated.
 */
function describeMistake(text: string): string {
  return text.replace(/^error: ./, (start) => `Error: ${start.slice(-1).toUpperCase()}`).replace(/'(--?[\w-]+)=[^']*'/g, "'$1'");
}
