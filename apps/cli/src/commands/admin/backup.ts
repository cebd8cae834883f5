import path from "node:path";
import { z } from "zod";
import { command, required } from "../../command.ts";
import { UsageError } from "../../errors.ts";
import { askSupervisor } from "../../operator/ask-supervisor.ts";
import { bytes, plural } from "../../terminal/format.ts";

const summarySchema = z.object({ tenants: z.int(), elsewhere: z.int(), files: z.int(), bytes: z.int() });

export const adminBackup = command({
  path: ["admin", "backup"],
  group: "Operate",
  summary: "Copy the deployments and sessions of this machine's data plane while it runs, or bring a copy to a new one",
  args: { action: required("create or restore"), folder: required("Folder of the backup; an empty or a new one for create") },
  options: {
    socket: { kind: "text", value: "path", summary: "The supervisor's socket; default: run/supervisor.sock in WHS_DATA_DIR" },
  },
  examples: [
    ["whs admin backup create /backups/monday", "copies what is on this machine"],
    ["whs admin backup restore /backups/monday", "brings it to a node that has none of it"],
  ],
  async run(context, { args, options }) {
    const { action } = args;
    if (action !== "create" && action !== "restore") throw new UsageError(`"${action}" is not possible: say create or restore.`);
    const folder = path.resolve(args.folder);
    const socketPath = path.resolve(options.socket ?? path.join(context.environment.dataDir, "run", "supervisor.sock"));
    const summary = summarySchema.parse(await askSupervisor(socketPath, `/backups/${action}`, { folder }));
    context.output.answer({ ...summary, folder }, () => {
      const said = `${plural(summary.tenants, "account")}, ${plural(summary.files, "file")}, ${bytes(summary.bytes)}`;
      const rest = summary.elsewhere === 0 ? "" : `\n${plural(summary.elsewhere, "account")} more on other nodes: make a backup of each.`;
      return `${action === "create" ? "Copied to" : "Restored from"} ${folder}: ${said}.${rest}`;
    });
  },
});
