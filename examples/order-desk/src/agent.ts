import { defineAgent } from "@whs/agent";

const states = ["packed", "on its way", "delivered"];

/** Answers where an order is. Shows secrets, the log, and what an error looks like to a caller. */
export default defineAgent({
  invoke({ messages, env }) {
    const text = messages.at(-1)?.content ?? "";
    const number = /\d{4}/.exec(text)?.[0];
    if (number === undefined) {
      console.warn("no order number in the question");
      return "Which order do you mean? Its number has four digits.";
    }
    if (env["ORDERS_KEY"] === undefined) throw new Error("ORDERS_KEY is not set");
    console.log(`looking up order ${number}`);
    // An agent of yours asks its shop here, with the key.
    const state = states[Number(number) % (states.length + 1)];
    if (state === undefined) throw new Error(`The shop does not know order ${number}`);
    return `${env["SHOP_NAME"] ?? "The shop"} says that order ${number} is ${state}.`;
  },
});
