import { artifactJsonSchema, ARTIFACT_FILE, EXIT, type ExitStatus } from "@whs/artifact/contract";
import { Command as Commander, InvalidArgumentError } from "commander";
import { check, type StackOptions } from "./commands/check.ts";
import { deploy, type DeployOptions } from "./commands/deploy.ts";
import { plan, type PlanOptions } from "./commands/plan.ts";
import { syncIds } from "./commands/sync-ids.ts";
import { validate } from "./commands/validate.ts";
import type { Context } from "./context.ts";

interface Binding {
  version: string;
  print: { out: (text: string) => void; err: (text: string) => void };
  /** Called with the status that a command ends with. */
  end: (status: ExitStatus) => void;
  createContext: (json: boolean) => Context;
}

const EXIT_CODES =
  "Exit codes: 0 done or nothing to do, 1 failure, 2 the plan has changes (plan --detailed-exitcode), 3 payload contract failed,\n4 runtime stack contract failed, 5 usage, 6 a required secret has no value.";

/** Mistakes on the command line end in a `CommanderError`. */
export function createProgram({ version, print, end, createContext }: Binding): Commander {
  const program = new Commander("artifactctl")
    .description("Validate artifacts and apply them to a running stack.")
    .version(version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Show help")
    .helpCommand("help [command]", "Show help of a command")
    .configureOutput({ writeOut: print.out, writeErr: print.err, outputError: (text, write) => write(text.replace(/^error: /, "Error: ")) })
    .exitOverride()
    .showHelpAfterError("Next: artifactctl --help")
    .addHelpText("after", `\nEnvironment: WHS_API_URL, WHS_API_TOKEN; required secrets by their own names.\n${EXIT_CODES}`);
  const bind = <Options>(command: Commander, run: (context: Context, options: Options) => Promise<ExitStatus>): void => {
    command.allowExcessArguments(false).option("--json", "Print one JSON object");
    command.action(async () => {
      const options = command.opts<Options & { json?: boolean }>();
      end(await run(createContext(options.json === true), options));
    });
  };
  bind<Parameters<typeof validate>[1]>(withPayload(program.command("validate").description("Payload contract alone, offline")), validate);
  bind<StackOptions>(withStack(program.command("check").description("Both contracts, and whether required secrets have values")), check);
  bind<PlanOptions>(
    withStack(program.command("plan").description("Both contracts, and what would change; changes nothing"))
      .option("--out <file>", "Write the plan to this file, for deploy --plan")
      .option("--detailed-exitcode", "End with 2 when there is something to change", false),
    plan,
  );
  bind<DeployOptions>(
    withStack(program.command("deploy").description("Check, plan and apply, in the order of the entries"))
      .option("--plan <file>", "Apply this plan, or nothing if the state has moved since")
      .option("--timeout <seconds>", "How long one deployment may take; default: 600", parseSeconds),
    deploy,
  );
  const manifest = program.command("manifest").description("Keep a manifest in order").helpCommand(false);
  bind<Parameters<typeof syncIds>[1]>(
    withArtifact(manifest.command("sync-ids").description("Write the right id into every entry")).option(
      "--check",
      "Only say which ids are wrong",
      false,
    ),
    syncIds,
  );
  bind(program.command("schema").description("Print the JSON Schema of artifact.yml"), (context) => {
    context.output.raw(`${JSON.stringify(artifactJsonSchema(), null, 2)}\n`);
    return Promise.resolve(EXIT.done);
  });
  return program;
}

function withArtifact(command: Commander): Commander {
  return command.option("--artifact <file>", "The manifest", `./${ARTIFACT_FILE}`);
}

function withPayload(command: Commander): Commander {
  return withArtifact(command).option(
    "--allow-file <path>",
    "Let this file of a bundle look like a secret; may be repeated",
    (path: string, before: string[]) => [...before, path],
    [],
  );
}

function withStack(command: Commander): Commander {
  return withPayload(command)
    .option("--api-url <url>", "Address of the API; default: WHS_API_URL")
    .option("--strict", "Fail where the stack contract only warns", false)
    .option("--secret-env <file>", "Values of required secrets, as KEY=value lines");
}

function parseSeconds(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 86_400) throw new InvalidArgumentError("It must be a whole number from 1 to 86400.");
  return value;
}
