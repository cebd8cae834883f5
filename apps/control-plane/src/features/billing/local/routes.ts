import { paidTierSchema, type PaidTier } from "@whs/api";
import { AppError } from "@whs/platform/errors";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Dependencies } from "../../../context.ts";
import type { OpenedBilling } from "../open.ts";
import { type Action, act, type LocalProvider, managing } from "./act.ts";
import { checkoutPage, refusedPage } from "./page.ts";
import { pagePath } from "./page-links.ts";
import { type BilledUser, findPayer, readPageState } from "./read-page-state.ts";
import { contentSecurityPolicy } from "./style.ts";
import { createWebhookSender } from "./webhook.ts";

const maxFormBytes = 4096;

const formSchema = z.union([
  z.object({ action: z.literal("pay"), tier: paidTierSchema }).transform(({ tier }): Action => ({ kind: "pay", tier })),
  z.object({ action: z.enum(managing) }).transform(({ action }): Action => ({ kind: action })),
]);

/** What is said after an action; the page comes back by a redirect, so that reloading repeats nothing. */
const notices: Readonly<Record<Action["kind"], string>> = {
  pay: "Paid, with no money at all.",
  cancel: "Cancelled. The plan stays until its end.",
  resume: "Resumed.",
  fail: "The payment failed. The plan stays for now.",
  expire: "Expired.",
};

interface TestModePage {
  dependencies: Dependencies;
  billing: OpenedBilling;
  provider: LocalProvider;
}

/** The page of the test mode; with a real provider there is none. @returns the routes that exist now. */
export function bindLocalCheckout(
  server: FastifyInstance,
  dependencies: Dependencies,
  billing: OpenedBilling,
): { method: "GET" | "POST"; path: `/${string}` }[] {
  const [key] = billing.webhookKeys;
  if (billing.pageLinks === undefined || key === undefined) return [];
  const sender = createWebhookSender({ webhookUrl: () => `${ownOrigin(server)}/v1/billing/webhook`, key });
  const { db, now } = dependencies;
  const page: TestModePage = { dependencies, billing, provider: { db, now, tierOfVariant: billing.tierOfVariant, sender } };
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      "application/x-www-form-urlencoded",
      { parseAs: "string", bodyLimit: maxFormBytes },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(body.toString()))),
    );
    scope.get(`${pagePath}/:token`, (request, reply) => show(page, request, reply));
    scope.post(`${pagePath}/:token`, { bodyLimit: maxFormBytes }, (request, reply) => submit(page, request, reply));
  });
  return (["GET", "POST"] as const).map((method) => ({ method, path: `${pagePath}/{token}` }));
}

async function show(page: TestModePage, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const purpose = await admit(page, request);
  if (purpose === undefined) return refuse(reply);
  const { done } = request.query as { done?: unknown };
  const notice = typeof done === "string" && Object.hasOwn(notices, done) ? notices[done as Action["kind"]] : undefined;
  return send(reply, 200, checkoutPage({ ...(await readPageState(page, purpose)), notice }));
}

async function submit(page: TestModePage, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const purpose = await admit(page, request);
  if (purpose === undefined) return refuse(reply);
  const again = async (status: number, problem: string): Promise<FastifyReply> =>
    send(reply, status, checkoutPage({ ...(await readPageState(page, purpose)), problem }));
  const form = formSchema.safeParse(request.body ?? {});
  if (!form.success) return again(400, "Choose a plan.");
  try {
    await act(page.provider, { userId: purpose.user.id, link: purpose.token, action: form.data });
  } catch (error) {
    if (error instanceof AppError && error.status < 500) return again(error.status, error.message);
    page.dependencies.log.error({ err: error, traceId: request.traceId }, "The test mode's webhook was not accepted");
    return again(502, "The webhook was not accepted, so nothing has changed. Try again.");
  }
  return reply.redirect(`${pagePath}/${purpose.token}?done=${form.data.kind}`, 303);
}

interface Admitted {
  token: string;
  user: BilledUser;
  tier: PaidTier | null;
}

/** Who holds the link, if it is good and its user may still do anything. */
async function admit({ dependencies, billing }: TestModePage, request: FastifyRequest): Promise<Admitted | undefined> {
  const { token } = request.params as { token: string };
  const purpose = billing.pageLinks?.verify(token, dependencies.now());
  const user = purpose === undefined ? undefined : await findPayer(dependencies, purpose.userId);
  return purpose === undefined || user === undefined ? undefined : { token, user, tier: purpose.tier };
}

function refuse(reply: FastifyReply): FastifyReply {
  return send(reply, 404, refusedPage("This link is not valid, or it has expired."));
}

function send(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .headers({
      "content-security-policy": contentSecurityPolicy,
      // The address itself is the credential.
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex",
    })
    .type("text/html; charset=utf-8")
    .send(page);
}

/** Where this process listens; an address for all interfaces is reached by loopback. */
function ownOrigin(server: FastifyInstance): string {
  const [bound] = server.addresses();
  if (bound === undefined || typeof bound === "string") throw new Error("The server listens on no port");
  const { family, address, port } = bound;
  if (family === "IPv6") return `http://[${address === "::" ? "::1" : address}]:${port}`;
  return `http://${address === "0.0.0.0" ? "127.0.0.1" : address}:${port}`;
}
