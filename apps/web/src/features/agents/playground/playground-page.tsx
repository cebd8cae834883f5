import { getAgent } from "@whs/api";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { type LoaderFunctionArgs, useLoaderData } from "react-router";
import { apiOf } from "../../../api.server.ts";
import { appContext } from "../../../context.ts";
import { paths } from "../../../paths.ts";
import { Button, ButtonLink } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/empty-state.tsx";
import { TextArea } from "../../../ui/field.tsx";
import { useAgent } from "../agent-frame.tsx";
import { ExchangeCard } from "./exchange.tsx";
import { SnippetTabs } from "../snippet-tabs.tsx";
import { snippetsFor } from "../snippets.ts";
import { type Exchange, useConversation } from "./use-conversation.ts";

export async function loader(args: LoaderFunctionArgs) {
  const { agent } = await apiOf(args).call(getAgent, { id: args.params["agentId"] ?? "" });
  const session = new URL(args.request.url).searchParams.get("session");
  return { snippets: snippetsFor(agent, args.context.get(appContext).config.whsPublicUrl), session };
}

export default function PlaygroundPage() {
  const agent = useAgent();
  const { snippets, session } = useLoaderData<typeof loader>();
  return (
    <div className="flex flex-col gap-8">
      <title>{`Playground – ${agent.name} – WebHost Systems`}</title>
      {agent.status === "disabled" ? (
        <EmptyState title="This agent is disabled">Every invocation is refused until it is enabled again.</EmptyState>
      ) : agent.activeDeploymentId === null ? (
        <EmptyState title="Nothing is deployed yet" action={<ButtonLink to={paths.deployments(agent.id)}>To the deployments</ButtonLink>}>
          Once a deployment is active, you can talk to the agent here.
        </EmptyState>
      ) : (
        <Conversation key={`${agent.id} ${session ?? ""}`} agentId={agent.id} continued={session} />
      )}
      <SnippetTabs title="From your own programs" snippets={snippets} />
    </div>
  );
}

interface ConversationProps {
  agentId: string;
  /** A session from before, to go on with. */
  continued: string | null;
}

function Conversation({ agentId, continued }: ConversationProps) {
  const { exchanges, ask, cancel } = useConversation(agentId);
  const [keeping, setKeeping] = useState(true);
  /** Answers up to this one are of sessions that were left; null while none was. */
  const [leftAt, setLeftAt] = useState<number | null>(null);
  const last = exchanges.at(-1);
  const running = last?.state === "answering" || last?.state === "resuming";
  const session = keeping ? (sessionOf(exchanges, leftAt ?? 0) ?? (leftAt === null ? continued : null)) : null;
  return (
    <section aria-labelledby="conversation" className="flex flex-col gap-4">
      <h2 id="conversation" className="text-lg font-semibold">
        Conversation
      </h2>
      {exchanges.length > 0 && (
        <ol className="flex flex-col gap-4">
          {exchanges.map((exchange) => (
            <ExchangeCard key={exchange.key} exchange={exchange} />
          ))}
        </ol>
      )}
      <p role="status" className="sr-only">
        {last === undefined ? "" : announcementOf(last)}
      </p>
      <MessageForm running={running} onSend={(prompt) => void ask(prompt, session)} onCancel={cancel} />
      <div className="flex flex-wrap items-center gap-x-6 gap-y-2">
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            checked={keeping}
            onChange={(event) => setKeeping(event.target.checked)}
            className="size-4 accent-accent"
          />
          Go on with the session
        </label>
        {keeping && (
          <p className="text-sm text-muted">
            {session === null ? "The next message begins one." : <code className="font-mono">{session}</code>}
          </p>
        )}
        {session !== null && (
          <Button disabled={running} onClick={() => setLeftAt(last?.key ?? 0)}>
            New session
          </Button>
        )}
      </div>
    </section>
  );
}

interface MessageFormProps {
  running: boolean;
  onSend: (prompt: string) => void;
  onCancel: () => void;
}

/** Enter sends, Shift and Enter makes a new line, Escape cancels; the focus stays in the box. */
function MessageForm({ running, onSend, onCancel }: MessageFormProps) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [ready, setReady] = useState(false);
  // Only the script can show an answer as it comes.
  useEffect(() => setReady(true), []);
  const send = (): void => {
    const prompt = box.current?.value ?? "";
    if (running || prompt.trim() === "" || box.current === null) return;
    box.current.value = "";
    onSend(prompt);
  };
  const onSubmit = (event: FormEvent): void => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && running) onCancel();
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const stop = (): void => {
    onCancel();
    box.current?.focus();
  };
  return (
    <form onSubmit={onSubmit} className="flex flex-col gap-2">
      <TextArea
        ref={box}
        label="Message"
        name="prompt"
        rows={3}
        required
        disabled={!ready}
        hint="Enter sends it, Shift and Enter begins a new line, Escape cancels the answer."
        onKeyDown={onKeyDown}
      />
      <div className="flex gap-2">
        <Button type="submit" look="primary" disabled={!ready || running}>
          Send
        </Button>
        {running && <Button onClick={stop}>Cancel</Button>}
      </div>
    </form>
  );
}

/** The latest session that the agent has named since the last one was left. */
function sessionOf(exchanges: readonly Exchange[], leftAt: number): string | null {
  return exchanges.findLast(({ key, meta }) => key > leftAt && meta !== null && meta.sessionId !== null)?.meta?.sessionId ?? null;
}

/** For screen readers: not every piece, but what came of it. */
function announcementOf({ state, text, problem }: Exchange): string {
  switch (state) {
    case "answering":
      return "The agent answers.";
    case "resuming":
      return "The connection was lost; the answer goes on in a moment.";
    case "cancelled":
      return "Cancelled.";
    case "failed":
      return `Failed: ${problem?.message ?? ""}`;
    case "done":
      return `The agent has answered: ${text}`;
  }
}
