import { endSession, listSessions, type Session } from "@whs/api";
import { useEffect, useRef } from "react";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useAgent } from "./agent-frame.tsx";

/** Query: `cursor`; `end`, the session that may be about to end. */
export async function loader(args: LoaderFunctionArgs) {
  const search = new URL(args.request.url).searchParams;
  const cursor = search.get("cursor");
  const { items, nextCursor } = await apiOf(args).call(listSessions, {
    id: args.params["agentId"] ?? "",
    limit: 25,
    ...(cursor === null ? {} : { cursor }),
  });
  return { sessions: items, nextCursor, cursor, ending: items.find(({ id }) => id === search.get("end")) ?? null };
}

export async function action(args: ActionFunctionArgs) {
  const { agentId = "" } = args.params;
  const sessionId = textOf(await args.request.formData(), "id") ?? "";
  const ended = await apiOf(args).attempt(endSession, { id: agentId, sessionId });
  if (!ended.ok) return { problem: ended.problem };
  return redirectWith(args.context, paths.sessions(agentId), "The session is ended.");
}

export default function SessionsPage() {
  const { sessions, nextCursor, cursor, ending } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const agent = useAgent();
  return (
    <>
      <title>{`Sessions – ${agent.name} – WebHost Systems`}</title>
      <div className="mb-4 flex flex-col gap-3 empty:hidden">
        <ProblemNotice problem={problem} />
        {ending !== null && <Ending key={ending.id} session={ending} agentId={agent.id} />}
      </div>
      {sessions.length === 0 && cursor === null ? (
        <EmptyState title="No sessions yet" action={<ButtonLink to={paths.playground(agent.id)}>To the playground</ButtonLink>}>
          A session is here once the agent has stored something in it, until nobody has used it for long.
        </EmptyState>
      ) : (
        <>
          <Table caption="Sessions" columns={columnsFor(agent.id, cursor)} rows={sessions} rowKey={({ id }) => id} />
          <Pager next={nextCursor} />
        </>
      )}
    </>
  );
}

function columnsFor(agentId: string, cursor: string | null): readonly Column<Session>[] {
  return [
    { key: "id", label: "Session", cell: ({ id }) => <code className="font-mono text-sm break-all">{id}</code> },
    { key: "createdAt", label: "Begun", cell: ({ createdAt }) => <Time value={createdAt} form="relative" />, optional: true },
    { key: "lastUsedAt", label: "Last used", cell: ({ lastUsedAt }) => <Time value={lastUsedAt} form="relative" /> },
    { key: "expiresAt", label: "Ends", cell: ({ expiresAt }) => <Time value={expiresAt} form="date" />, optional: true },
    {
      key: "actions",
      label: "Actions",
      align: "end",
      cell: ({ id }) => (
        <span className="inline-flex flex-wrap justify-end gap-x-4">
          <Link to={paths.playground(agentId, id)} aria-label={`Continue ${id}`} className="text-accent hover:underline">
            Continue
          </Link>
          <Link to={paths.sessions(agentId, { end: id, cursor })} aria-label={`End ${id}`} className="font-medium text-bad hover:underline">
            End
          </Link>
        </span>
      ),
    },
  ];
}

/** Asks before it happens. It is a state of the URL, so that it works without script too. */
function Ending({ session: { id }, agentId }: { session: Session; agentId: string }) {
  const panel = useRef<HTMLElement>(null);
  const pending = useNavigation().state === "submitting";
  useEffect(() => panel.current?.focus(), []);
  return (
    <section ref={panel} tabIndex={-1} aria-labelledby="ending" className="rounded-lg border-2 border-bad bg-surface p-5">
      <h2 id="ending" className="text-lg font-semibold">
        End this session?
      </h2>
      <p className="mt-1 text-muted">
        <code className="font-mono break-all">{id}</code> is refused from now on, and what the agent stored in it is removed. This cannot be
        undone.
      </p>
      <Form method="post" className="mt-4 flex flex-wrap gap-2">
        <input type="hidden" name="id" value={id} />
        <Button type="submit" look="danger" pending={pending}>
          End session
        </Button>
        <ButtonLink to={paths.sessions(agentId)}>Keep it</ButtonLink>
      </Form>
    </section>
  );
}
