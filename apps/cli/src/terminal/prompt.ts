import type { Context } from "../context.ts";
import { UserError } from "../errors.ts";

/** Bytes that standard input may hold where a command reads all of it. */
const MAX_INPUT_BYTES = 1024 * 1024;

/** Asks a person before something that cannot be undone; a script has said what it wants. @throws UserError when the answer is no. */
export async function confirm({ stdin, output }: Context, { question, yes }: { question: string; yes: boolean }): Promise<void> {
  if (yes || output.json || !stdin.isTTY || !output.stderr.isTTY) return;
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({ message: question, initialValue: false, output: output.stderr });
  if (answer !== true) throw new UserError("Nothing was changed.", { code: "CANCELLED" });
}

/** A secret, from a prompt that does not show it or from standard input without its last line break. Never from the command line. */
export async function readSecret({ stdin, output }: Context, message: string): Promise<string> {
  if (!stdin.isTTY) return (await readAll(stdin)).replace(/\r?\n$/, "");
  const prompts = await import("@clack/prompts");
  const answer = await prompts.password({ message, output: output.stderr });
  if (prompts.isCancel(answer)) throw new UserError("Nothing was changed.", { code: "CANCELLED" });
  return answer ?? "";
}

/** @throws UserError past 1 MiB. */
export async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const part = Buffer.from(chunk as Buffer);
    size += part.length;
    if (size > MAX_INPUT_BYTES) throw new UserError("Standard input holds more than 1 MiB.");
    chunks.push(part);
  }
  return new TextDecoder("utf-8", { fatal: false }).decode(Buffer.concat(chunks));
}
