import path from "node:path";
import { command, optional } from "../../command.ts";
import { scaffoldProject } from "../../project/scaffold.ts";
import { templateNames, templates } from "../../project/templates.ts";

export const init = command({
  path: ["init"],
  group: "Start",
  summary: "Write a new agent to begin with",
  args: { folder: optional("The new folder; default: here") },
  options: {
    template: {
      kind: "text",
      value: "name",
      summary: `What to begin with; default: echo. ${templateNames.map((name) => `${name}: ${templates[name].summary}`).join(". ")}.`,
      choices: templateNames,
      short: "t",
    },
    name: { kind: "text", value: "name", summary: "The agent's name; default: the folder's" },
  },
  examples: [
    ["whs init my-agent", "An agent that answers what it is told"],
    ["whs init writer --template streaming-writer", "One that answers piece by piece"],
  ],
  async run({ output }, { args, options }) {
    const folder = args.folder ?? ".";
    const template = options.template ?? "echo";
    const { name, files } = scaffoldProject({ folder, template, name: options.name });
    output.answer({ folder: path.resolve(folder), name, template, files }, () =>
      [`${output.style.bold(name)} is in ${folder === "." ? "this folder" : folder}:`, ...files.map((file) => `  ${file}`)].join("\n"),
    );
    output.note("");
    output.next(
      ...(folder === "." ? [] : [`cd ${folder}`]),
      ...(templates[template].needsInstall ? ["npm install"] : []),
      "whs deploy",
      `whs invoke ${name} "Hello"`,
    );
  },
});
