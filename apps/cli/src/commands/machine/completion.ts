import { command, required } from "../../command.ts";
import { completionScript, type Shell, shells } from "../../completion/scripts.ts";
import { UsageError } from "../../errors.ts";

export const completion = command({
  path: ["completion"],
  group: "This machine",
  summary: "Print the completion script of a shell",
  args: { shell: required(shells.join(", ")) },
  options: {},
  examples: [
    ["source <(whs completion bash)", "In ~/.bashrc"],
    ["source <(whs completion zsh)", "In ~/.zshrc, after compinit"],
    ["whs completion fish > ~/.config/fish/completions/whs.fish", "Once"],
  ],
  async run({ output }, { args }) {
    if (!isShell(args.shell)) throw new UsageError(`There is no completion for "${args.shell}": it must be one of ${shells.join(", ")}.`);
    // Imported here, because the scripts are made of all commands, and this is one of them.
    const { commands, nouns } = await import("../index.ts");
    output.piece(completionScript(args.shell, commands, nouns));
  },
});

function isShell(text: string): text is Shell {
  return (shells as readonly string[]).includes(text);
}
