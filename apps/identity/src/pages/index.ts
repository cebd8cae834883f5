/** Sign-in, sign-up and device pages: rendered here, usable without JavaScript, every write checked for its origin. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { IdentityConfig } from "../config.ts";
import { type AuthGateway, comesFromBrowser, copyCookies, isTrustedOrigin } from "../gateway.ts";
import { accountPage, approvePage, decidedPage, enterCodePage, problemPage, signInPage, signUpPage } from "./forms.ts";
import { STYLE } from "./layout.ts";

export interface PagesDependencies {
  config: IdentityConfig;
  callAuth: AuthGateway;
}

const sessionSchema = z.object({ user: z.object({ name: z.string(), email: z.string() }) });
const errorSchema = z.object({ message: z.string().optional(), error_description: z.string().optional() });
const deviceSchema = z.object({ status: z.enum(["pending", "approved", "denied"]), client_id: z.string().optional() });

const querySchema = z.object({ next: z.string().max(2000).default("/").catch("/"), user_code: z.string().max(20).default("").catch("") });
const text = z.string().max(500).default("");
const formSchema = z.object({
  next: z.string().max(2000).default("/"),
  email: text,
  password: text,
  name: text,
  user_code: text,
  decision: text,
});

const EXPIRED = "This code is unknown or has expired. Start again in your terminal.";

export async function pages(server: FastifyInstance, { config, callAuth }: PagesDependencies): Promise<void> {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(body.toString())));
  });
  server.addHook("preHandler", async (request, reply) => {
    const allowed = request.method !== "POST" || (comesFromBrowser(request) && isTrustedOrigin(request, config));
    return allowed ? undefined : send(reply, problemPage("Not possible", "This form was sent from another site."), 403);
  });

  const post = async (request: FastifyRequest, path: string, body: Record<string, string>): Promise<Response> =>
    callAuth(request, { method: "POST", path, body: JSON.stringify(body), contentType: "application/json" });

  const signedInUser = async (request: FastifyRequest): Promise<{ name: string; email: string } | undefined> => {
    const response = await callAuth(request, { method: "GET", path: "/get-session" });
    return sessionSchema.safeParse(await response.json()).data?.user;
  };

  server.get("/style.css", async (_request, reply) =>
    reply.type("text/css; charset=utf-8").header("cache-control", "public, max-age=3600").send(STYLE),
  );

  server.get("/", async (request, reply) => {
    const user = await signedInUser(request);
    return user === undefined ? reply.redirect("/sign-in", 303) : send(reply, accountPage(user));
  });

  server.get("/sign-in", async (request, reply) => send(reply, signInPage({ next: localPath(query(request).next, config) })));
  server.get("/sign-up", async (request, reply) => send(reply, signUpPage({ next: localPath(query(request).next, config) })));

  server.post("/sign-in", async (request, reply) => {
    const { email, password, ...rest } = form(request);
    const next = localPath(rest.next, config);
    const response = await post(request, "/sign-in/email", { email, password });
    return response.ok
      ? goOn(reply, response, next)
      : send(reply, signInPage({ next, email, problem: await problemOf(response) }), response.status);
  });

  server.post("/sign-up", async (request, reply) => {
    const { email, password, name, ...rest } = form(request);
    const next = localPath(rest.next, config);
    const response = await post(request, "/sign-up/email", { email, password, name });
    return response.ok
      ? goOn(reply, response, next)
      : send(reply, signUpPage({ next, email, name, problem: await problemOf(response) }), response.status);
  });

  server.post("/sign-out", async (request, reply) => goOn(reply, await post(request, "/sign-out", {}), "/sign-in"));

  server.get("/device", async (request, reply) => {
    const user = await signedInUser(request);
    if (user === undefined) return reply.redirect(`/sign-in?next=${encodeURIComponent(request.url)}`, 303);
    const { user_code: userCode } = query(request);
    if (userCode === "") return send(reply, enterCodePage());
    const response = await callAuth(request, { method: "GET", path: `/device?user_code=${encodeURIComponent(userCode)}` });
    const device = response.ok ? deviceSchema.parse(await response.json()) : undefined;
    if (device?.status === "pending" && device.client_id !== undefined) return send(reply, approvePage(user, userCode));
    return send(reply, enterCodePage(response.status === 429 ? await problemOf(response) : EXPIRED), response.ok ? 400 : response.status);
  });

  server.post("/device", async (request, reply) => {
    const { user_code: userCode, decision } = form(request);
    const approved = decision === "approve";
    const response = await post(request, approved ? "/device/approve" : "/device/deny", { userCode });
    if (response.status === 401)
      return reply.redirect(`/sign-in?next=${encodeURIComponent(`/device?user_code=${encodeURIComponent(userCode)}`)}`, 303);
    return response.ok ? send(reply, decidedPage(approved)) : send(reply, enterCodePage(EXPIRED), 400);
  });
}

function query(request: FastifyRequest): z.output<typeof querySchema> {
  return querySchema.parse(request.query);
}

function form(request: FastifyRequest): z.output<typeof formSchema> {
  return formSchema.catch(formSchema.parse({})).parse(request.body ?? {});
}

/** A path of this server and nothing else, whatever was asked for. */
export function localPath(wanted: string, { publicUrl }: Pick<IdentityConfig, "publicUrl">): string {
  if (!URL.canParse(wanted, publicUrl)) return "/";
  const url = new URL(wanted, publicUrl);
  return url.origin === publicUrl ? `${url.pathname}${url.search}` : "/";
}

function goOn(reply: FastifyReply, response: Response, next: string): FastifyReply {
  copyCookies(reply, response);
  return reply.redirect(next, 303);
}

function send(reply: FastifyReply, page: string, status = 200): FastifyReply {
  return reply.code(status).type("text/html; charset=utf-8").send(page);
}

async function problemOf(response: Response): Promise<string> {
  const known = errorSchema.safeParse(await response.json().catch(() => ({}))).data;
  return known?.message ?? known?.error_description ?? "This did not work. Try again.";
}
