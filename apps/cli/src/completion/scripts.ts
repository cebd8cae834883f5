/** Completion scripts, made of the declared commands: the shell then completes without starting this program. */
import type { Command } from "../command.ts";
import { kebab } from "../names.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Word {
  text: string;
  summary: string;
}

/** What may follow a place in the command line: `""`, `"agents"`, `"agents list"`. */
type Words = ReadonlyMap<string, readonly Word[]>;

const SHARED: readonly Word[] = [
  { text: "--json", summary: "Print the API's answer as JSON" },
  { text: "--profile", summary: "Use this profile" },
  { text: "--api-url", summary: "Address of the WHS API" },
  { text: "--no-color", summary: "Print without colours" },
  { text: "--help", summary: "Show help" },
];

export function completionScript(shell: Shell, commands: readonly Command[], nouns: Readonly<Record<string, string>>): string {
  const words = wordsOf(commands, nouns);
  if (shell === "fish") return fishScript(words);
  return shell === "bash" ? bashScript(words) : `autoload -U +X bashcompinit && bashcompinit\n${bashScript(words)}`;
}

function wordsOf(commands: readonly Command[], nouns: Readonly<Record<string, string>>): Words {
  const words = new Map<string, Word[]>([["", Object.entries(nouns).map(([text, summary]) => ({ text, summary }))]]);
  for (const noun of Object.keys(nouns)) words.set(noun, []);
  for (const { path, summary, options } of commands) {
    words.get(path.slice(0, -1).join(" "))?.push({ text: path.at(-1) ?? "", summary });
    const own = Object.entries(options).flatMap(([name, option]) => [
      { text: `--${kebab(name)}`, summary: option.summary },
      ...(option.kind === "switch" ? [{ text: `--no-${kebab(name)}`, summary: option.summary }] : []),
    ]);
    words.set(path.join(" "), [...own, ...SHARED]);
  }
  return words;
}

function bashScript(words: Words): string {
  const cases = [...words].map(([place, list]) => `    "${place}") words="${list.map(({ text }) => text).join(" ")}" ;;`);
  const nouns = [...words.keys()].filter((place) => place !== "").map((place) => `"${place}"`);
  return `_whs() {
  local place="" word words=""
  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${place:+$place }$word" in
    ${nouns.join("|")}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$place" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  if [ "\${#COMPREPLY[@]}" -eq 0 ]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -F _whs whs
`;
}

function fishScript(words: Words): string {
  const lines = [...words].flatMap(([place, list]) => list.map((word) => fishLine(place, word)));
  return `${lines.join("\n")}\n`;
}

function fishLine(place: string, { text, summary }: Word): string {
  const condition =
    place === ""
      ? "__fish_use_subcommand"
      : place
          .split(" ")
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join("; and ");
  const what = text.startsWith("--") ? `-l ${text.slice(2)}` : `-f -a ${text}`;
  return `complete -c whs -n '${condition}' ${what} -d '${summary.replace(/['\\]/g, "\\$&")}'`;
}
