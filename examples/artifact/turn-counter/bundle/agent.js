export default {
  async *invoke({ messages, session }) {
    const turn = ((await session.storage.get("turn")) ?? 0) + 1;
    await session.storage.put("turn", turn);
    yield `turn ${turn}: `;
    yield messages.at(-1).content;
  },
};
