import path from "node:path";
import { command, flag, rest } from "../../command.ts";
import type { Context } from "../../context.ts";
import { UsageError } from "../../errors.ts";
import { type Bundle, buildProject, checksumOf } from "../../project/build-project.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { bytes } from "../../terminal/format.ts";
import type { Style } from "../../terminal/style.ts";
import { table } from "../../terminal/table.ts";

const LISTED_ORIGINS = 5;

export const build = command({
  path: ["build"],
  group: "Build and deploy",
  summary: "Bundle an agent into one archive, or agents into an artifact; the same sources give the same bytes",
  args: { folders: rest("The agent's folder; default: here. With --artifact several, in the order to apply") },
  options: {
    out: {
      kind: "text",
      value: "path",
      summary: "Where to write it; default: dist/<name>.tar.gz in the agent's folder, with --artifact the folder dist/artifact",
    },
    artifact: flag("Write artifact.yml and its bundles, for artifactctl"),
    project: { kind: "text", value: "name", summary: "With --artifact: the project; default: the agent's name, if there is one agent" },
    env: { kind: "text", value: "name", summary: "With --artifact: the environment; default: dev" },
    mode: { kind: "text", value: "mode", summary: "With --artifact: the kind of stack that it needs", choices: ["local", "cloud"] },
  },
  examples: [
    ["whs build", "Write dist/<name>.tar.gz"],
    ["whs build --artifact agents/triage agents/support --project desk --env prod", "Write an artifact of two agents"],
  ],
  async run(context, { args: { folders }, options: { out, artifact, ...artifactOptions } }) {
    const projects = (folders.length === 0 ? ["."] : folders).map((folder) => readProject(folder));
    if (artifact) return buildArtifact(context, projects, { out, ...artifactOptions });
    const [project, second] = projects;
    if (project === undefined || second !== undefined)
      throw new UsageError("One archive holds one agent. For several: whs build --artifact");
    if (Object.values(artifactOptions).some((value) => value !== undefined))
      throw new UsageError("--project, --env and --mode belong to --artifact.");
    await buildArchive(context, project, out);
  },
});

async function buildArchive({ output }: Context, project: Project, out: string | undefined): Promise<void> {
  const bundle = await buildProject(project, output.noteStyle.bold("x") !== "x");
  for (const warning of bundle.warnings) output.note(warning.trimEnd());
  const name = project.manifest.name ?? path.basename(project.folder);
  const file = path.resolve(out ?? path.join(project.folder, "dist", `${name}.tar.gz`));
  // Loaded here alone: the contract's readers of YAML and versions are a fourth of all modules, and no other command needs them.
  const { writeAtomically } = await import("@whs/artifact/contract");
  await writeAtomically(file, bundle.archive);
  const shown = path.relative(".", file);
  const answer = {
    file,
    checksum: checksumOf(bundle),
    sizeBytes: bundle.archive.length,
    files: bundle.files.map((entry) => ({ path: entry.path, sizeBytes: entry.bytes.length })),
  };
  output.answer(answer, () => describe(bundle, shown, output.style));
}

interface ArtifactChoices {
  out: string | undefined;
  project: string | undefined;
  env: string | undefined;
  mode: "local" | "cloud" | undefined;
}

async function buildArtifact(
  { output, environment }: Context,
  projects: readonly Project[],
  { out, project, env = "dev", mode }: ArtifactChoices,
): Promise<void> {
  const [first, second] = projects;
  const name = project ?? (second === undefined ? (first?.manifest.name ?? path.basename(first?.folder ?? "")) : undefined);
  if (name === undefined) throw new UsageError("An artifact of several agents needs a name: --project <name>");
  const folder = path.resolve(out ?? "dist/artifact");
  const { writeArtifact } = await import("../../project/write-artifact.ts");
  const written = await writeArtifact(projects, {
    project: name,
    env,
    mode,
    out: folder,
    generatedAt: environment.sourceDate,
    color: output.noteStyle.bold("x") !== "x",
  });
  for (const warning of written.warnings) output.note(warning.trimEnd());
  output.answer({ file: written.file, entries: written.entries }, () =>
    [
      table(
        written.entries,
        [
          { heading: "ID", cell: (entry) => entry.id },
          { heading: "BUNDLE", cell: (entry) => entry.bundle },
          { heading: "SIZE", cell: (entry) => bytes(entry.sizeBytes), align: "right" },
          { heading: "DIGEST", cell: (entry) => entry.digest },
        ],
        output.style,
      ),
      "",
      output.style.bold(path.relative(".", written.file)),
    ].join("\n"),
  );
  output.next(`artifactctl check --artifact ${path.relative(".", written.file)}`);
}

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
