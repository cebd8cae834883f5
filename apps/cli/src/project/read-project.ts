import { type AgentManifest, MANIFEST_FILE, parseManifest } from "@whs/artifact";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { UserError } from "../errors.ts";

/** A folder with an agent in it. */
export interface Project {
  folder: string;
  /** Absolute path of the manifest. */
  file: string;
  manifest: AgentManifest;
  /** The manifest as its author wrote it, without what the schema would add. */
  written: Record<string, unknown>;
  /** Absolute path of the module that the manifest names. */
  entrypoint: string;
}

/** @throws UserError that names the file, the line and what to change. */
export function readProject(folderName: string): Project {
  const folder = path.resolve(folderName);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new UserError(`There is no folder ${folderName}.`);
  const file = path.join(folder, MANIFEST_FILE);
  if (!existsSync(file))
    throw new UserError(`${folderName} holds no ${MANIFEST_FILE}, so it is no agent.`, { next: ["whs init my-agent"] });
  const bytes = readFileSync(file);
  const parsed = parseManifest(bytes);
  if (!parsed.ok) {
    const details = parsed.findings.map(
      ({ field, message, line, column }) =>
        `${line === undefined ? "" : `${line}:${column ?? 1}  `}${field === undefined ? "" : `${field} `}${message}`,
    );
    throw new UserError(`${path.relative(".", file) || MANIFEST_FILE} is not right:`, { code: "INVALID_REQUEST", details });
  }
  const { manifest } = parsed;
  const written = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
  return { folder, file, manifest, written, entrypoint: findEntrypoint(folder, manifest.entrypoint) };
}

function findEntrypoint(folder: string, entrypoint: string): string {
  const file = path.resolve(folder, entrypoint);
  if (!existsSync(file) || !statSync(file).isFile())
    throw new UserError(`${MANIFEST_FILE} names the entrypoint "${entrypoint}", which is not there.`);
  const inside = path.relative(realpathSync(folder), realpathSync(file));
  if (inside.startsWith("..") || path.isAbsolute(inside))
    throw new UserError(`The entrypoint "${entrypoint}" lies outside of the agent's folder.`);
  return file;
}
