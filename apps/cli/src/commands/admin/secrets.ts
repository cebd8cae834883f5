import { constants, copyFile, open } from "node:fs/promises";
import { command, required } from "../../command.ts";
import { UsageError, UserError } from "../../errors.ts";
import { count } from "../../terminal/format.ts";

export const adminSecrets = command({
  path: ["admin", "secrets"],
  group: "Operate",
  summary: "Replace the master key of the vault on this machine; servers go on without a restart",
  args: { action: required("rotate-master-key") },
  options: { keep: { kind: "text", value: "file", summary: "Copy the key there first: backups of the vault made until now need it" } },
  examples: [["whs admin secrets rotate-master-key --keep ~/master.key.old", "as the user who owns the key's file"]],
  async run(context, { args, options }) {
    if (args.action !== "rotate-master-key") throw new UsageError(`"${args.action}" is not possible: say rotate-master-key.`);
    const { dataDir, masterKeyFile } = context.environment;
    if (options.keep !== undefined) await keep(masterKeyFile, options.keep);
    // Loaded here and not above: whoever uses a stack elsewhere need not have it.
    const { rotateMasterKey } = await import("@whs/stack/vault");
    const { rewrapped, damaged } = await rotateMasterKey({ dataDir, masterKeyFile }).catch(explain);
    if (damaged.length > 0)
      context.output.warn(`No key opens these files of the vault, before and after; restore them from a backup: ${damaged.join(", ")}`);
    context.output.answer(
      { rewrapped, damaged },
      () => `${masterKeyFile} holds a new key, and ${count(rewrapped)} secrets are sealed with it.`,
    );
  },
});

async function keep(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    const copy = await open(to, "r+");
    await copy.chmod(0o600);
    await copy.sync();
    await copy.close();
  } catch (error) {
    throw new UserError(`The key was not copied, and nothing is changed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What the vault says is meant for people. */
function explain(error: unknown): never {
  if (error instanceof Error && error.name === "SecretStoreError") throw new UserError(error.message);
  throw error;
}
