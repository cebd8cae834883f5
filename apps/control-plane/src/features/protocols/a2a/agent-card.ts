import type { AnswerOf, getAgentCard as endpoint } from "@whs/api";
import { notFound } from "@whs/platform/errors";
import type { HandlerInput } from "@whs/platform/http";
import type { Context } from "../../../context.ts";
import { requireAgent } from "../../agents/index.ts";
import { findAgent, type Gateway } from "../../invocations/index.ts";
import type { CardSigner } from "./sign-card.ts";

/** What an A2A client has to know of an agent. @throws AppError `NOT_FOUND`, also for an agent that cannot be invoked now */
export async function getAgentCard(
  gateway: Gateway,
  signer: CardSigner,
  context: Context,
  { agent, http }: { agent: string; http: HandlerInput<typeof endpoint>["http"] },
): Promise<AnswerOf<typeof endpoint>> {
  const { agentId, status, active } = await findAgent(gateway, context, agent);
  if (status === "disabled" || active === null) throw notFound("Agent");
  const { name, description } = await requireAgent(context, agentId);
  const { headers } = http.request;
  const origin = (context.config.publicUrl ?? `http://${headers.host}`).replace(/\/+$/, "");
  const facts = { name, about: description || `The agent ${name}.`, version: active.deploymentId, url: `${origin}/a2a/${agentId}` };
  if (!/^1(\.|$)/.test(String(headers["a2a-version"]))) return formerCard(facts);
  const card = currentCard(facts);
  return { ...card, signatures: [signer.sign(card, `${origin}/.well-known/jwks.json`)] };
}

interface Facts {
  name: string;
  about: string;
  version: string;
  url: string;
}

const modes = ["text/plain"];

/** Nothing in it is empty, since what is empty has no place in what is signed. */
function currentCard({ name, about, version, url }: Facts): AnswerOf<typeof endpoint> {
  return {
    name,
    description: about,
    version,
    supportedInterfaces: [
      { url, protocolBinding: "JSONRPC", protocolVersion: "1.0" },
      { url, protocolBinding: "JSONRPC", protocolVersion: "0.3" },
    ],
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false },
    securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: "Bearer" } } },
    securityRequirements: [{ schemes: { bearer: { list: ["invoke"] } } }],
    defaultInputModes: modes,
    defaultOutputModes: modes,
    skills: [{ id: "invoke", name, description: about, tags: ["agent"] }],
  };
}

function formerCard({ name, about, version, url }: Facts): AnswerOf<typeof endpoint> {
  return {
    protocolVersion: "0.3.0",
    name,
    description: about,
    version,
    url,
    preferredTransport: "JSONRPC",
    capabilities: { streaming: true, pushNotifications: false, stateTransitionHistory: false },
    securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    security: [{ bearer: [] }],
    supportsAuthenticatedExtendedCard: false,
    defaultInputModes: modes,
    defaultOutputModes: modes,
    skills: [{ id: "invoke", name, description: about, tags: ["agent"] }],
  };
}
