import { defineAgent } from "@whs/agent";

/** Pause between two words, in ms: what a language model takes for a token. */
const PAUSE_MS = 30;

/** Writes a short story about what it is told, word by word. */
export default defineAgent({
  async *invoke({ messages, signal }) {
    const topic = messages.at(-1)?.content.trim() || "nothing at all";
    const story = `Once there was ${topic}. Nobody knew where it came from, and nobody asked. In the end it was deployed, and it answered everyone.`;
    const words = story.match(/\S+\s*/g) ?? [];
    for (const word of words) {
      // The caller has gone: what is not written now costs nothing.
      signal.throwIfAborted();
      yield word;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    yield { usage: { tokens: words.length } };
  },
});
