import { type Agent, ApiError, invokeAgent } from "@whs/api";
import type { DemoPerson } from "./demo-people.ts";

/** What the agents of the demonstration are asked, by agent; a line that begins with > goes on with the session. */
const questions: Readonly<Record<string, readonly string[]>> = {
  echo: ["Hello", "Is anybody there?", "One, two, three"],
  "session-counter": ["I would like to plan a trip", "> to the mountains", "> by train", "> in June", "Another trip", "> to the sea"],
  "streaming-writer": ["a very small robot", "the last lighthouse", "an honest invoice"],
  "order-desk": [
    "Where is order 4020?",
    "And order 4021?",
    "And 4023?",
    "Has my parcel been sent?",
    "Order 7386, please",
    "Order 1111?",
    "Order 1112?",
  ],
};
/** Below the smallest plan's requests a second. */
const pauseMs = 120;

/** Asks the agents, some of which fail as they should. @returns how many answered, and how many failed */
export async function sendTraffic(
  person: DemoPerson,
  agents: readonly Agent[],
  rounds: number,
): Promise<{ answered: number; failed: number }> {
  const outcome = { answered: 0, failed: 0 };
  for (let round = 0; round < rounds; round++) {
    for (const agent of agents) {
      let sessionId: string | undefined;
      for (const question of questions[agent.name] ?? []) {
        const goesOn = question.startsWith("> ");
        const answer = await ask(person, agent.id, question.replace(/^> /, ""), goesOn ? sessionId : undefined);
        outcome[answer === undefined ? "failed" : "answered"] += 1;
        sessionId = answer?.sessionId ?? sessionId;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }
  return outcome;
}

async function ask(person: DemoPerson, agentId: string, prompt: string, sessionId: string | undefined) {
  try {
    return await person.client.call(invokeAgent, {
      agentId,
      body: { input: { prompt }, ...(sessionId === undefined ? {} : { sessionId }) },
    });
  } catch (error) {
    // An agent's own failure belongs to the picture; anything else does not.
    if (error instanceof ApiError && (error.code === "RUNTIME_ERROR" || error.code === "LIMIT_EXCEEDED")) return undefined;
    throw error;
  }
}
