import { secretValueMaxBytes, setSecrets } from "@whs/api";
import { envKeySchema } from "@whs/artifact";
import { findAgent } from "../../agents/find-agent.ts";
import { mostSimilar } from "../../agents/similar.ts";
import { agentArgument, command, required } from "../../command.ts";
import { UsageError, UserError } from "../../errors.ts";
import { readSecret } from "../../terminal/prompt.ts";

export const secretsSet = command({
  path: ["secrets", "set"],
  group: "Build and deploy",
  summary: "Set a secret; its value comes from standard input or a hidden prompt",
  args: { agent: agentArgument, key: required("The secret's name, such as OPENAI_API_KEY") },
  options: {},
  examples: [
    ["whs secrets set echo OPENAI_API_KEY", "Ask for the value without showing it"],
    ["whs secrets set echo OPENAI_API_KEY < key.txt", "Read it from a file"],
  ],
  async run(context, { args }) {
    const { api, output } = context;
    if (args.key.includes("=")) {
      const key = args.key.slice(0, args.key.indexOf("="));
      throw new UsageError("A value does not belong on the command line: others can see it there, and the shell remembers it.", {
        next: [`whs secrets set ${args.agent} ${key}`],
      });
    }
    const agent = await findAgent(api, args.agent);
    requireDeclared(agent, args.key);
    const value = await readSecret(context, `Value of ${args.key}`);
    if (value === "")
      throw new UsageError(`The value of ${args.key} is empty.`, {
        details: ["Type it at the prompt or give it on standard input. To remove the secret:"],
        next: [`whs secrets delete ${agent.name} ${args.key}`],
      });
    if (Buffer.byteLength(value) > secretValueMaxBytes)
      throw new UserError(`The value of ${args.key} is longer than ${secretValueMaxBytes} bytes.`);
    const { answer, headers } = await api.exchange(setSecrets, { id: agent.id, body: { secrets: { [args.key]: value } } });
    output.answer(answer, () => `${args.key} is set for ${agent.name}.`);
    tellWhenItCounts(headers, agent.name, output);
  },
});

function requireDeclared({ name, envVarKeys }: { name: string; envVarKeys: readonly string[] }, key: string): void {
  if (envVarKeys.includes(key)) return;
  const problem = envKeySchema.safeParse(key).error?.issues[0]?.message;
  if (problem !== undefined) throw new UsageError(`"${key}" can be no secret's name: it ${problem}.`);
  const similar = mostSimilar(key, envVarKeys);
  throw new UserError(`${name} declares no secret ${key}.${similar === undefined ? "" : ` Did you mean ${similar}?`}`, {
    code: "INVALID_REQUEST",
    next: [`whs agents update ${name} ${[...envVarKeys, key].map((declared) => `--env-key ${declared}`).join(" ")}`],
  });
}

/** Some runtimes read secrets only when they start. */
export function tellWhenItCounts(
  headers: Headers,
  agentName: string,
  output: { note: (text: string) => void; next: (text: string) => void },
): void {
  if (headers.get("whs-redeploy-required") !== "true") return;
  output.note("It takes effect with the next deploy:");
  output.next(`whs deploy --agent ${agentName}`);
}
