export default {
  invoke({ messages, env }) {
    return `${env.GREETING ?? "Hello"}, ${messages.at(-1).content}. ${env.SIGNATURE}`;
  },
};
