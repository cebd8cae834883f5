import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { choosePorts } from "./ports.ts";

test("given ports stay, zeros become different ports that can be listened on", async () => {
  const chosen = await choosePorts({ fixed: 4711, first: 0, second: 0, third: 0 });
  expect(chosen.fixed).toBe(4711);
  const free = [chosen.first, chosen.second, chosen.third];
  expect(new Set(free).size).toBe(3);
  for (const port of free) {
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    server.close();
  }
});
