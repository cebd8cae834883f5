import { expect, test } from "vitest";
import { publicLoadError } from "./load-error.ts";

test.each([
  [
    "Failed to start Worker:\nUncaught SyntaxError: Unexpected end of input\n  at agent.js:1:16\n",
    "The agent cannot be loaded: SyntaxError: Unexpected end of input\n  at agent.js:1:16",
  ],
  [
    "Uncaught TypeError: top level\n  at agent.js:2:7\n  at whs-shim.js:1:1",
    "The agent cannot be loaded: TypeError: top level\n  at agent.js:2:7",
  ],
  ["ModuleShapeError: The entrypoint must export an agent.", "The agent cannot be loaded: The entrypoint must export an agent."],
  ["", "The agent cannot be loaded: unknown error"],
])("workerd's words become the author's", (message, expected) => {
  expect(publicLoadError(message)).toBe(expected);
});

test("a long error is cut", () => {
  expect(publicLoadError("x".repeat(1e6)).length).toBeLessThanOrEqual(2000);
});
