import { endSession } from "@whs/api";
import { findAgent } from "../../agents/find-agent.ts";
import { agentArgument, command, required } from "../../command.ts";

export const sessionsEnd = command({
  path: ["sessions", "end"],
  group: "Run",
  summary: "End a session and remove what it holds, at once",
  args: { agent: agentArgument, session: required("The session's id, as whs sessions list shows it") },
  options: {},
  async run({ api, output }, { args }) {
    const { id, name } = await findAgent(api, args.agent);
    const answer = await api.call(endSession, { id, sessionId: args.session });
    output.answer(answer, () => `The session of ${name} is ended.`);
  },
});
