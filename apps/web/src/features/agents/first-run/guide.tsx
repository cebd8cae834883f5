import type { Agent, Deployment } from "@whs/api";
import { CircleCheck } from "lucide-react";
import type { ReactNode } from "react";
import { Form, useNavigation } from "react-router";
import { paths } from "../../../paths.ts";
import type { Problem } from "../../../problem.ts";
import { Button, ButtonLink } from "../../../ui/button.tsx";
import { CodeBlock } from "../../../ui/code-block.tsx";
import { TextField } from "../../../ui/field.tsx";
import { Notice, ProblemNotice } from "../../../ui/notice.tsx";

interface GuideProps {
  /** Null before the first step. */
  agent: Agent | null;
  deployment: Deployment | null;
  /** Where people reach the API. */
  apiUrl: string;
  idempotencyKey: string;
  /** What the agent has said. */
  answer?: string | undefined;
  problem?: Problem | undefined;
}

/** Three steps from nothing to an agent that answers, and the same on the command line. */
export function Guide({ agent, deployment, apiUrl, idempotencyKey, answer, problem }: GuideProps) {
  const serves = agent !== null && agent.activeDeploymentId !== null;
  return (
    <div className="grid grid-cols-1 gap-8 xl:grid-cols-2">
      <section aria-labelledby="steps">
        <h2 id="steps" className="mb-3 text-lg font-semibold">
          {agent === null ? "No agents yet: three steps to one that answers" : "Three steps to an agent that answers"}
        </h2>
        <ProblemNotice problem={problem} />
        <ol className="mt-3 flex flex-col gap-4">
          <Step number={1} title="Create it from an example" done={agent !== null}>
            <p className="text-muted">A small agent in TypeScript, which writes a story about whatever you name, word by word.</p>
            {agent === null && <StepForm label="Create my first agent" intent="create" agentId={null} idempotencyKey={idempotencyKey} />}
          </Step>
          <Step number={2} title="Deploy it" done={serves}>
            <Deploying agent={agent} deployment={deployment} idempotencyKey={idempotencyKey} />
          </Step>
          <Step number={3} title="Ask it" done={answer !== undefined}>
            {serves ? <Ask agent={agent} idempotencyKey={idempotencyKey} answer={answer} problem={problem} /> : <Later />}
          </Step>
        </ol>
      </section>
      <section aria-labelledby="cli">
        <h2 id="cli" className="mb-1 text-lg font-semibold">
          On the command line
        </h2>
        <p className="mb-3 text-muted">The same with an agent of your own, in the folder of this installation.</p>
        <CodeBlock label="Commands" code={commandsFor(apiUrl)} />
      </section>
    </div>
  );
}

function commandsFor(apiUrl: string): string {
  return [
    `npx whs login --api-url ${apiUrl}`,
    "npx whs init my-agent",
    "cd my-agent",
    "npx whs deploy",
    `npx whs invoke my-agent "Hello"`,
  ].join("\n");
}

function Step({ number, title, done, children }: { number: number; title: string; done: boolean; children: ReactNode }) {
  return (
    <li className="rounded-lg border border-line bg-surface p-5">
      <h3 className="flex items-center gap-2 font-semibold">
        {done ? <CircleCheck aria-label="Done:" role="img" className="size-5 text-good" /> : <span className="text-muted">{number}.</span>}
        {title}
      </h3>
      <div className="mt-2 flex flex-col items-start gap-3">{children}</div>
    </li>
  );
}

function Later() {
  return <p className="text-muted">As soon as it is deployed.</p>;
}

interface StepFormProps {
  label: string;
  intent: "create" | "deploy";
  agentId: string | null;
  idempotencyKey: string;
}

function StepForm({ label, intent, agentId, idempotencyKey }: StepFormProps) {
  const pending = useNavigation().state !== "idle";
  return (
    <Form method="post" action={paths.firstAgent(agentId)}>
      <input type="hidden" name="intent" value={intent} />
      <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
      <Button type="submit" look="primary" pending={pending}>
        {label}
      </Button>
    </Form>
  );
}

function Deploying({ agent, deployment, idempotencyKey }: Pick<GuideProps, "agent" | "deployment" | "idempotencyKey">) {
  if (agent === null) return <p className="text-muted">It becomes version 1, which can serve again whenever a later one fails.</p>;
  if (deployment === null || deployment.status === "failed") {
    return (
      <>
        {deployment !== null && <Notice tone="bad">{deployment.errorMessage}</Notice>}
        <StepForm label="Deploy the example" intent="deploy" agentId={agent.id} idempotencyKey={idempotencyKey} />
      </>
    );
  }
  return (
    <p role="status">
      {deployment.status === "deploying" ? "Deploying; this takes a few seconds…" : `Version ${deployment.version} is deployed.`}
    </p>
  );
}

interface AskProps {
  agent: Agent;
  idempotencyKey: string;
  answer: string | undefined;
  problem: Problem | undefined;
}

function Ask({ agent, idempotencyKey, answer, problem }: AskProps) {
  const pending = useNavigation().state === "submitting";
  return (
    <>
      <Form method="post" action={paths.firstAgent(agent.id)} className="flex w-full flex-wrap items-end gap-3">
        <input type="hidden" name="idempotencyKey" value={idempotencyKey} />
        <div className="min-w-0 grow">
          <TextField
            label="What should the story be about?"
            name="prompt"
            required
            autoComplete="off"
            defaultValue="a very small robot"
            error={problem?.fields["prompt"]}
          />
        </div>
        <Button type="submit" look="primary" name="intent" value="ask" pending={pending}>
          Ask
        </Button>
      </Form>
      <div role="status" className="w-full">
        {answer !== undefined && (
          <>
            <p className="rounded-md bg-sunken p-4 whitespace-pre-wrap">{answer}</p>
            <p className="mt-3">Your agent works. Your programs call it in the same way.</p>
          </>
        )}
      </div>
      <div className="flex flex-wrap gap-2">
        <ButtonLink to={paths.agent(agent.id)}>How to call it</ButtonLink>
        <ButtonLink to={paths.playground(agent.id)}>Playground</ButtonLink>
      </div>
    </>
  );
}
