import type { LoaderFunctionArgs } from "react-router";
import { redirect } from "react-router";
import { sessionOf } from "../../api.server.ts";
import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";

export const meta = () => [
  { title: "WebHost Systems: hosting for AI agents" },
  { name: "description", content: "Deploy an AI agent, invoke it over HTTP, see what it uses, and roll it back." },
];

export function loader(args: LoaderFunctionArgs) {
  if (sessionOf(args) !== null) throw redirect(paths.agents());
  return null;
}

const PROMISES = [
  { title: "Deploy", text: "A bundle becomes an immutable deployment. The one that serves is a pointer: rolling back takes one click." },
  { title: "Invoke", text: "JSON and server-sent events, OpenAI-compatible chat completions, MCP and A2A, under one set of limits." },
  { title: "Observe", text: "Requests, tokens, compute and estimated cost, with logs and telemetry of every invocation on one time line." },
];

export default function HomePage() {
  return (
    <div className="mx-auto max-w-5xl py-8 sm:py-16">
      <h1 className="max-w-3xl text-4xl font-semibold tracking-tight sm:text-5xl">Hosting for AI agents</h1>
      <p className="mt-4 max-w-2xl text-lg text-muted">
        Deploy an agent, invoke it over HTTP, see what it uses, and roll it back: on your own machine, on Cloudflare Workers or on AWS
        Bedrock AgentCore.
      </p>
      <div className="mt-8 flex flex-wrap gap-3">
        <ButtonLink look="primary" to={paths.signUp()} reloadDocument>
          Create an account
        </ButtonLink>
        <ButtonLink to={paths.signIn()} reloadDocument>
          Sign in
        </ButtonLink>
      </div>
      <ul className="mt-16 grid gap-6 sm:grid-cols-3">
        {PROMISES.map(({ title, text }) => (
          <li key={title} className="border-t-2 border-accent pt-4">
            <h2 className="font-semibold">{title}</h2>
            <p className="mt-1 text-muted">{text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
