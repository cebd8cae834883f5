import { defineAgent } from "@whs/agent";

/** Counts the turns of a conversation and remembers what was said first. */
export default defineAgent({
  async invoke({ messages, session }) {
    const text = messages.at(-1)?.content ?? "";
    const turn = ((await session.storage.get<number>("turn")) ?? 0) + 1;
    await session.storage.put("turn", turn);
    if (turn === 1) await session.storage.put("first", text);
    const first = await session.storage.get<string>("first");
    return turn === 1 ? `turn 1: ${text}` : `turn ${turn}: ${text} (you began with: ${first})`;
  },
});
