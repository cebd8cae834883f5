import { getAgent, invokeAgent, listDeployments } from "@whs/api";
import { type ActionFunctionArgs, type LoaderFunctionArgs, redirect, useActionData, useLoaderData } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { appContext } from "../../../context.ts";
import { redirectWith } from "../../../flash.server.ts";
import { textOf } from "../../../form-text.ts";
import { paths } from "../../../paths.ts";
import { invalid } from "../../../problem.ts";
import { PageHeader } from "../../../ui/page-header.tsx";
import { useFollow } from "../deployments/use-follow.ts";
import { createExample, deployExample } from "./example.server.ts";
import { Guide } from "./guide.tsx";

export const meta = () => [{ title: "Your first agent – WebHost Systems" }];

/** Query: `agent`, once there is one. */
export async function loader(args: LoaderFunctionArgs) {
  const id = new URL(args.request.url).searchParams.get("agent");
  if (id === null) throw redirect(paths.agents());
  const api = apiOf(args);
  const { items } = await api.call(listDeployments, { id, limit: 1 });
  // After the deployment: once that is active, so is the agent.
  const { agent } = await api.call(getAgent, { id });
  return {
    agent,
    deployment: items[0] ?? null,
    apiUrl: args.context.get(appContext).config.whsPublicUrl,
    idempotencyKey: crypto.randomUUID(),
  };
}

/** Form fields: `intent` (create, deploy or ask), `idempotencyKey`, `prompt`. */
export async function action(args: ActionFunctionArgs) {
  const api = apiOf(args);
  const form = await args.request.formData();
  const key = textOf(form, "idempotencyKey") ?? crypto.randomUUID();
  const id = new URL(args.request.url).searchParams.get("agent");
  if (id === null) {
    const created = await createExample(api, key);
    if (!created.ok) return { problem: created.problem };
    const deployed = await deployExample(api, created.answer, key);
    // There is an agent from here on: what did not work is tried again on its page.
    return redirectWith(args.context, paths.firstAgent(created.answer), deployed.ok ? "Your agent is created." : deployed.problem.message);
  }
  if (form.get("intent") === "deploy") {
    const deployed = await deployExample(api, id, key);
    return deployed.ok ? redirect(paths.firstAgent(id)) : { problem: deployed.problem };
  }
  const prompt = textOf(form, "prompt");
  if (prompt === undefined) return { problem: invalid({ prompt: "Say something to it." }) };
  const invoked = await api.attempt(invokeAgent, { agentId: id, body: { input: { prompt } }, idempotencyKey: key });
  return invoked.ok ? { text: invoked.answer.output.text } : { problem: invoked.problem };
}

export default function FirstRunPage() {
  const { agent, deployment, apiUrl, idempotencyKey } = useLoaderData<typeof loader>();
  const done = useActionData<typeof action>();
  useFollow(deployment?.status === "deploying" || agent.status === "deploying");
  return (
    <>
      <PageHeader title="Your first agent" />
      <Guide
        agent={agent}
        deployment={deployment}
        apiUrl={apiUrl}
        idempotencyKey={idempotencyKey}
        answer={done !== undefined && "text" in done ? done.text : undefined}
        problem={done !== undefined && "problem" in done ? done.problem : undefined}
      />
    </>
  );
}
