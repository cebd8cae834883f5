/** A browser of AgentCore with one page, driven here by Chromium's DevTools protocol. What comes from it is not believed: pages are strangers. */
import { type BedrockAgentCoreClient, StartBrowserSessionCommand, StopBrowserSessionCommand } from "@aws-sdk/client-bedrock-agentcore";
import { z } from "zod";
import { Cdp } from "./cdp.ts";
import { ToolFailure } from "./tool-failure.ts";

type PageOrder = { kind: "open"; url: string } | { kind: "evaluate"; expression: string } | { kind: "screenshot" };
interface OpenBrowser {
  sessionId: string;
  cdp: Cdp;
  /** The page's session within the connection. */
  page: string;
}

/** The browser that every account has. */
const BROWSER = { browserIdentifier: "aws.browser.v1" };
const VIEWPORT = { width: 1280, height: 800 };
const START_MS = 90_000;
const CONNECT_MS = 30_000;
const STOP_MS = 10_000;
const STOP_TRIES = 3;
const MAX_TEXT = 1024 * 1024;
/** Base64 of a picture. */
const MAX_PICTURE = 8 * 1024 * 1024;
const SHOWN = `({ url: location.href, title: document.title, text: (document.body?.innerText ?? "").slice(0, ${MAX_TEXT}) })`;

const targetSchema = z.object({ targetId: z.string() });
const attachedSchema = z.object({ sessionId: z.string() });
const navigatedSchema = z.object({ loaderId: z.string().optional(), errorText: z.string().optional() });
const evaluatedSchema = z.object({
  result: z.object({ value: z.unknown().optional(), description: z.string().optional() }),
  exceptionDetails: z.object({ text: z.string(), exception: z.object({ description: z.string().optional() }).optional() }).optional(),
});
const pageSchema = z.object({ url: z.string(), title: z.string(), text: z.string() });
const pictureSchema = z.object({ data: z.base64().max(MAX_PICTURE) });

export class BrowserSession {
  /** How many there were. */
  started = 0;
  private readonly client: BedrockAgentCoreClient;
  private readonly sessionSeconds: number;
  private readonly maxSessions: number;
  private open: Promise<OpenBrowser> | null = null;
  private ending: Promise<void> = Promise.resolve();

  constructor(client: BedrockAgentCoreClient, sessionSeconds: number, maxSessions: number) {
    this.client = client;
    this.sessionSeconds = sessionSeconds;
    this.maxSessions = maxSessions;
  }

  /** Starts the browser unless it runs. @throws ToolFailure when the plan has no more. */
  async ready(): Promise<void> {
    if (this.open === null) {
      if (this.started >= this.maxSessions) throw new ToolFailure("The plan's browser sessions for this month are used up.");
      const opening = this.start();
      this.open = opening;
      opening.catch(() => (this.open === opening ? (this.open = null) : undefined));
    }
    await this.open;
  }

  /** After `ready`. @throws ToolFailure */
  async carryOut(order: PageOrder): Promise<unknown> {
    if (this.open === null) throw new Error("There is no browser.");
    const { cdp, page } = await this.open;
    switch (order.kind) {
      case "open":
        return openPage(cdp, page, order.url);
      case "evaluate":
        return evaluate(cdp, page, order.expression);
      case "screenshot":
        return pictureSchema.parse(await cdp.send("Page.captureScreenshot", { format: "png" }, page)).data;
    }
  }

  /** Stops what runs. Never throws. */
  end(): Promise<void> {
    const { open } = this;
    this.open = null;
    this.ending = Promise.all([this.ending, this.stop(open)]).then(() => undefined);
    return this.ending;
  }

  private async start(): Promise<OpenBrowser> {
    const request = { ...BROWSER, name: "whs", sessionTimeoutSeconds: this.sessionSeconds, viewPort: VIEWPORT };
    const { sessionId, streams } = await this.client.send(new StartBrowserSessionCommand(request), {
      abortSignal: AbortSignal.timeout(START_MS),
    });
    const endpoint = streams?.automationStream?.streamEndpoint;
    if (sessionId === undefined) throw new Error("The browser's session has no id.");
    this.started += 1;
    try {
      if (endpoint === undefined) throw new Error("The browser has no stream.");
      const cdp = await Cdp.connect(endpoint, await this.signed(endpoint), CONNECT_MS);
      const { targetId } = targetSchema.parse(await cdp.send("Target.createTarget", { url: "about:blank" }));
      const { sessionId: page } = attachedSchema.parse(await cdp.send("Target.attachToTarget", { targetId, flatten: true }));
      await cdp.send("Page.enable", {}, page);
      await cdp.send("Page.setLifecycleEventsEnabled", { enabled: true }, page);
      return { sessionId, cdp, page };
    } catch (error) {
      await this.stopSession(sessionId);
      throw error;
    }
  }

  /** Headers that let us in, by the same credentials as all else. */
  private async signed(endpoint: string): Promise<Record<string, string>> {
    const { host, hostname, pathname } = new URL(endpoint);
    const signer = await this.client.config.signer();
    const { headers } = await signer.sign({ method: "GET", protocol: "https:", hostname, path: pathname, headers: { host }, query: {} });
    return headers;
  }

  private async stop(open: Promise<OpenBrowser> | null): Promise<void> {
    const [opened] = await Promise.allSettled([open]);
    if (opened.status === "rejected" || opened.value === null) return;
    opened.value.cdp.close();
    await this.stopSession(opened.value.sessionId);
  }

  private async stopSession(sessionId: string): Promise<void> {
    for (let tries = 0; tries < STOP_TRIES; tries += 1) {
      try {
        const command = new StopBrowserSessionCommand({ ...BROWSER, sessionId });
        await this.client.send(command, { abortSignal: AbortSignal.timeout(STOP_MS) });
        return;
      } catch {
        // Beyond the last try its own time ends it.
      }
    }
  }
}

async function openPage(cdp: Cdp, page: string, url: string): Promise<unknown> {
  const { loaderId, errorText } = navigatedSchema.parse(await cdp.send("Page.navigate", { url }, page));
  if (errorText !== undefined) throw new ToolFailure(`The page cannot be opened: ${errorText.slice(0, 200)}.`);
  // Without a loader only the place within the page has changed.
  if (loaderId !== undefined) await cdp.loaded(loaderId);
  const { url: reached, title, text } = pageSchema.parse(await evaluate(cdp, page, SHOWN));
  return { url: reached.slice(0, 8192), title: title.slice(0, 8192), text: text.slice(0, MAX_TEXT) };
}

async function evaluate(cdp: Cdp, page: string, expression: string): Promise<unknown> {
  const answer = await cdp.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, page);
  const { result, exceptionDetails } = evaluatedSchema.parse(answer);
  if (exceptionDetails !== undefined)
    // Without the stack, whose places are the expression's own.
    throw new ToolFailure((exceptionDetails.exception?.description ?? exceptionDetails.text).split("\n", 1).join("").slice(0, 1000));
  if ((JSON.stringify(result.value) ?? "").length > 4 * MAX_TEXT) throw new ToolFailure("The value is too large.");
  return result.value;
}
