import { Hono } from "hono";

/** What `POST /invoke` receives (invoke/v1). */
interface InvokeRequest {
  input: { messages: { role: string; content: string }[] };
}

const app = new Hono();

app.post("/invoke", async (context) => {
  const { input } = await context.req.json<InvokeRequest>();
  const text = input.messages.at(-1)?.content ?? "";
  return context.json({ output: { text: `Hono heard: ${text}` }, usage: { tokens: text.length } });
});

export default app;
