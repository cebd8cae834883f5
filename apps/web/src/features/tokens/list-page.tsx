import { type ApiToken, listTokens, revokeToken } from "@whs/api";
import { Plus } from "lucide-react";
import { useEffect, useRef } from "react";
import { type ActionFunctionArgs, Form, Link, type LoaderFunctionArgs, useActionData, useLoaderData, useNavigation } from "react-router";
import { apiOf } from "../../api.server.ts";
import { redirectWith } from "../../flash.server.ts";
import { textOf } from "../../form-text.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ProblemNotice } from "../../ui/notice.tsx";
import { PageHeader } from "../../ui/page-header.tsx";
import { type Column, Pager, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";

export const meta = () => [{ title: "API tokens – WebHost Systems" }];

export async function loader(args: LoaderFunctionArgs) {
  const search = new URL(args.request.url).searchParams;
  const cursor = search.get("cursor");
  const { items, nextCursor } = await apiOf(args).call(listTokens, cursor === null ? {} : { cursor });
  const now = Date.now();
  const tokens = items.map((token) => ({ ...token, expired: token.expiresAt !== null && Date.parse(token.expiresAt) <= now }));
  return { tokens, nextCursor, cursor, revoking: tokens.find(({ id }) => id === search.get("revoke")) ?? null };
}

export async function action(args: ActionFunctionArgs) {
  const form = await args.request.formData();
  const revoked = await apiOf(args).attempt(revokeToken, { id: textOf(form, "id") ?? "" });
  if (!revoked.ok) return { problem: revoked.problem };
  return redirectWith(args.context, paths.tokens(), `Token ${textOf(form, "name") ?? ""} is revoked.`);
}

type Token = ApiToken & { expired: boolean };

function columns(cursor: string | null): readonly Column<Token>[] {
  return [
    {
      key: "name",
      label: "Name",
      cell: ({ name, expired }) => (
        <span className="inline-flex flex-wrap items-center gap-2">
          <span className="font-medium">{name}</span>
          {expired && <Badge tone="warn">Expired</Badge>}
        </span>
      ),
    },
    {
      key: "scopes",
      label: "Scopes",
      cell: ({ scopes }) => <span className="font-mono text-sm">{scopes.join(", ")}</span>,
      optional: true,
    },
    { key: "createdAt", label: "Created", cell: ({ createdAt }) => <Time value={createdAt} form="date" />, optional: true },
    {
      key: "lastUsedAt",
      label: "Last used",
      cell: ({ lastUsedAt }) => (lastUsedAt === null ? "Never" : <Time value={lastUsedAt} form="relative" />),
    },
    {
      key: "expiresAt",
      label: "Expires",
      cell: ({ expiresAt }) => (expiresAt === null ? "Never" : <Time value={expiresAt} form="date" />),
      optional: true,
    },
    {
      key: "revoke",
      label: "Revoke",
      align: "end",
      cell: ({ id, name }) => (
        <Link to={paths.revokeToken(id, cursor)} aria-label={`Revoke ${name}`} className="font-medium text-bad hover:underline">
          Revoke
        </Link>
      ),
    },
  ];
}

export default function TokensPage() {
  const { tokens, nextCursor, cursor, revoking } = useLoaderData<typeof loader>();
  const problem = useActionData<typeof action>()?.problem;
  const create = (
    <ButtonLink look="primary" to={paths.newToken()}>
      <Plus aria-hidden className="size-4" />
      Create token
    </ButtonLink>
  );
  return (
    <>
      <PageHeader
        title="API tokens"
        description="With a token your programs call the API in your name, within its scopes."
        {...(tokens.length === 0 ? {} : { actions: create })}
      />
      <div className="mb-4 flex flex-col gap-3 empty:hidden">
        <ProblemNotice problem={problem} />
        {revoking !== null && <Revoking key={revoking.id} token={revoking} />}
      </div>
      {tokens.length === 0 && cursor === null ? (
        <EmptyState title="No tokens yet" action={create}>
          Scripts, CI, and clients of OpenAI, MCP and A2A sign in with an API token.
        </EmptyState>
      ) : (
        <>
          <Table caption="API tokens" columns={columns(cursor)} rows={tokens} rowKey={({ id }) => id} />
          <Pager next={nextCursor} />
        </>
      )}
    </>
  );
}

/** Asks before it happens. It is a state of the URL, so that it works without script too. */
function Revoking({ token: { id, name } }: { token: Token }) {
  const panel = useRef<HTMLElement>(null);
  const pending = useNavigation().state === "submitting";
  useEffect(() => panel.current?.focus(), []);
  return (
    <section ref={panel} tabIndex={-1} aria-labelledby="revoking" className="rounded-lg border-2 border-bad bg-surface p-5">
      <h2 id="revoking" className="text-lg font-semibold">
        Revoke {name}?
      </h2>
      <p className="mt-1 text-muted">Whatever uses this token is refused from now on. This cannot be undone.</p>
      <Form method="post" className="mt-4 flex flex-wrap gap-2">
        <input type="hidden" name="id" value={id} />
        <input type="hidden" name="name" value={name} />
        <Button type="submit" look="danger" pending={pending}>
          Revoke token
        </Button>
        <ButtonLink to={paths.tokens()}>Keep it</ButtonLink>
      </Form>
    </section>
  );
}
