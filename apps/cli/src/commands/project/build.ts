import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { command, optional } from "../../command.ts";
import { type Bundle, buildProject, checksumOf } from "../../project/build-project.ts";
import { readProject } from "../../project/read-project.ts";
import { bytes } from "../../terminal/format.ts";
import type { Style } from "../../terminal/style.ts";
import { table } from "../../terminal/table.ts";

const LISTED_ORIGINS = 5;

export const build = command({
  path: ["build"],
  group: "Build and deploy",
  summary: "Bundle an agent into one archive; the same sources give the same bytes",
  args: { folder: optional("The agent's folder; default: here") },
  options: { out: { kind: "text", value: "file", summary: "Where to write it; default: dist/<name>.tar.gz in the agent's folder" } },
  async run({ output }, { args, options }) {
    const project = readProject(args.folder ?? ".");
    const bundle = await buildProject(project, output.noteStyle.bold("x") !== "x");
    for (const warning of bundle.warnings) output.note(warning.trimEnd());
    const name = project.manifest.name ?? path.basename(project.folder);
    const file = path.resolve(options.out ?? path.join(project.folder, "dist", `${name}.tar.gz`));
    writeWhole(file, bundle.archive);
    const shown = path.relative(".", file);
    const answer = {
      file,
      checksum: checksumOf(bundle),
      sizeBytes: bundle.archive.length,
      files: bundle.files.map((entry) => ({ path: entry.path, sizeBytes: entry.bytes.length })),
    };
    output.answer(answer, () => describe(bundle, shown, output.style));
  },
});

function describe(bundle: Bundle, file: string, style: Style): string {
  const others = bundle.origins.slice(LISTED_ORIGINS).reduce((sum, origin) => sum + origin.bytes, 0);
  const origins = [...bundle.origins.slice(0, LISTED_ORIGINS), ...(others > 0 ? [{ name: "others", bytes: others }] : [])];
  return [
    table(
      bundle.files,
      [
        { heading: "FILE", cell: (entry) => entry.path },
        { heading: "SIZE", cell: (entry) => bytes(entry.bytes.length), align: "right" },
      ],
      style,
    ),
    "",
    style.dim(`Made of ${origins.map((origin) => `${origin.name} ${bytes(origin.bytes)}`).join(", ")}`),
    `${style.bold(file)}  ${bytes(bundle.archive.length)}  ${style.dim(checksumOf(bundle))}`,
  ].join("\n");
}

function writeWhole(file: string, contents: Uint8Array): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}
