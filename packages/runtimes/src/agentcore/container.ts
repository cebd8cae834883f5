/** Requests to the containers behind one deployment's endpoint. */
import { type BedrockAgentCoreClient, InvokeAgentRuntimeCommand, StopRuntimeSessionCommand } from "@aws-sdk/client-bedrock-agentcore";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { ProviderError } from "../port.ts";
import { isNotFound, toProviderError } from "./errors.ts";
import { clientToken } from "./names.ts";
import type { WrapperRequest } from "./protocol.ts";

export interface Container {
  /** ARN of the agent's runtime. */
  arn: string;
  /** Name of the deployment's endpoint. */
  qualifier: string;
  sessionId: string;
}
export interface ContainerAnswer {
  body: Readable;
  isEventStream: boolean;
}

/** Pauses before another try, for what surely did not reach the container. */
const RETRY_MS = [100, 400];

export class Containers {
  private readonly client: BedrockAgentCoreClient;

  constructor(client: BedrockAgentCoreClient) {
    this.client = client;
  }

  /** @throws ProviderError; asks again only when nothing was reached. */
  async send(
    container: Container,
    request: WrapperRequest,
    options: { signal: AbortSignal; stream: boolean; traceparent?: string },
  ): Promise<ContainerAnswer> {
    const command = {
      agentRuntimeArn: container.arn,
      qualifier: container.qualifier,
      runtimeSessionId: container.sessionId,
      contentType: "application/json",
      accept: options.stream ? "text/event-stream" : "application/json",
      payload: Buffer.from(JSON.stringify(request)),
      ...(options.traceparent === undefined ? {} : { traceParent: options.traceparent }),
    };
    for (let tries = 0; ; tries += 1) {
      try {
        const { response, contentType } = await this.client.send(new InvokeAgentRuntimeCommand(command), { abortSignal: options.signal });
        if (!(response instanceof Readable))
          throw new ProviderError("runtime", "The agent's container gave no answer.", { retryable: true });
        return { body: response, isEventStream: contentType?.startsWith("text/event-stream") === true };
      } catch (error) {
        const failure = toProviderError(error, "to invoke");
        const waitMs = RETRY_MS[tries];
        if (!failure.retryable || failure.reached || waitMs === undefined || options.signal.aborted) throw failure;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** A short request that the wrapper answers itself. @throws ProviderError */
  async ask(container: Container, request: WrapperRequest, timeoutMs: number): Promise<unknown> {
    const signal = AbortSignal.timeout(timeoutMs);
    const { body } = await this.send(container, request, { signal, stream: false });
    try {
      return JSON.parse(await text(body));
    } catch (error) {
      throw toProviderError(error, "to invoke");
    }
  }

  /** Ends a container with whatever runs in it. Idempotent. */
  async stop({ arn, qualifier, sessionId }: Container): Promise<void> {
    try {
      await this.client.send(
        new StopRuntimeSessionCommand({
          agentRuntimeArn: arn,
          qualifier,
          runtimeSessionId: sessionId,
          clientToken: clientToken("stop", [sessionId, qualifier, Date.now()]),
        }),
        { abortSignal: AbortSignal.timeout(STOP_MS) },
      );
    } catch (error) {
      if (!isNotFound(error)) throw toProviderError(error, "to change");
    }
  }
}

const STOP_MS = 30_000;
