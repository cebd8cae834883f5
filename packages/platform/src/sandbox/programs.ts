import { access, constants, realpath } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { runCommand, SEARCH_PATH } from "./run-command.ts";

/** Paths of programs by name; undefined: not installed. */
export type Programs = Readonly<Record<string, string | undefined>>;

export async function findPrograms(names: readonly string[]): Promise<Programs> {
  const found = await Promise.all(names.map(async (name) => [name, await findProgram(name)] as const));
  return Object.fromEntries(found);
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of SEARCH_PATH.split(delimiter)) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return realpath(path);
  }
  return undefined;
}

/** Paths of the shared libraries that a program needs, its loader included. */
export async function librariesOf(ldd: string, program: string): Promise<string[]> {
  const result = await runCommand(ldd, [program]);
  if (result === null || result.code !== 0) return [];
  return [...result.stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
}
