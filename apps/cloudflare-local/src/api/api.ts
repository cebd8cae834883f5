/** The part of Cloudflare's REST API, version 4, that the driver and its setup use; nothing more. */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import type { Logger } from "@whs/platform/log";
import { fastify, type FastifyInstance, type FastifyRequest } from "fastify";
import type { z } from "zod";
import type { ScriptName } from "../edge/protocol.ts";
import type { Edge } from "../runtime/edge-process.ts";
import type { Script } from "../scripts/script.ts";
import type { ScriptStore } from "../scripts/store.ts";
import { deleteScript } from "./delete-script.ts";
import { ApiFailure, failure, notFound, success } from "./envelope.ts";
import { createNamespaceSchema, patchSecretsSchema, publishSchema, scriptNameSchema } from "./metadata.ts";
import { RequestAllowance } from "./request-allowance.ts";
import { readUpload } from "./read-upload.ts";
import { uploadScript } from "./upload-script.ts";

export interface ApiOptions {
  store: ScriptStore;
  edge: Edge;
  accountId: string;
  apiToken: string;
  requestsPerFiveMinutes: number;
  log: Logger;
}

const MAX_BODY_BYTES = 70 * 1024 * 1024;
const ACCOUNT = "/client/v4/accounts/:account";
const NAMESPACES = `${ACCOUNT}/workers/dispatch/namespaces`;

interface Params {
  account: string;
  namespace: string;
  script: string;
}
type Request = FastifyRequest<{ Params: Params; Querystring: Record<string, string> }>;

export function createApi(options: ApiOptions): FastifyInstance {
  const api = fastify({ bodyLimit: MAX_BODY_BYTES });
  api.removeAllContentTypeParsers();
  api.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const allowance = new RequestAllowance(options.requestsPerFiveMinutes);
  api.addHook("onRequest", async (request) => {
    authenticate(options, request.headers.authorization);
    const waitSeconds = allowance.take(Date.now());
    if (waitSeconds > 0)
      throw new ApiFailure(429, 971, "Please wait and consider throttling your request speed", { "retry-after": String(waitSeconds) });
    requireKnownQuery(request.method, Object.keys(request.query as object));
    const { account } = request.params as Partial<Params>;
    if (account !== undefined && account !== options.accountId) throw new ApiFailure(403, 10000, "Authentication error");
  });
  api.setNotFoundHandler(() => {
    throw notFound.route();
  });
  api.setErrorHandler((error, request, reply) => {
    if (error instanceof ApiFailure) return reply.status(error.status).headers(error.headers).send(failure(error));
    options.log.error({ err: error, url: request.url }, "A request failed");
    return reply.status(500).send(failure(new ApiFailure(500, 10013, "An unknown error has occurred.")));
  });
  bindNamespaces(api, options);
  bindAgentScripts(api, options);
  bindOwnScripts(api, options);
  return api;
}

function authenticate({ apiToken }: ApiOptions, authorization: string | undefined): void {
  if (authorization === undefined) throw new ApiFailure(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers");
  const digest = (text: string) => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(authorization), digest(`Bearer ${apiToken}`))) throw new ApiFailure(401, 10000, "Authentication error");
}

/** A deletion may be forced; nothing else here takes a query. */
function requireKnownQuery(method: string, names: readonly string[]): void {
  const unknown = names.find((name) => method !== "DELETE" || name !== "force");
  if (unknown !== undefined) throw new ApiFailure(400, 10001, `The local API does not know the query parameter ${unknown} here.`);
}

function bindNamespaces(api: FastifyInstance, { store }: ApiOptions): void {
  api.route({
    method: "GET",
    url: `${NAMESPACES}/:namespace`,
    handler: async (request: Request) => success(presentNamespace(store, requireNamespace(store, request))),
  });
  api.route({
    method: "POST",
    url: NAMESPACES,
    handler: async (request: Request) => {
      const { name } = readJson(request, createNamespaceSchema);
      if (store.namespaceCreatedOn(name) !== undefined)
        throw new ApiFailure(409, 100118, `A dispatch namespace named ${name} exists already.`);
      await store.addNamespace(name, new Date().toISOString());
      return success(presentNamespace(store, name));
    },
  });
}

function bindAgentScripts(api: FastifyInstance, { store, edge }: ApiOptions): void {
  const path = `${NAMESPACES}/:namespace/scripts/:script`;
  const named = (request: Request): ScriptName => ({ namespace: requireNamespace(store, request), script: scriptOf(request) });
  api.route({
    method: "PUT",
    url: path,
    handler: async (request: Request) => {
      const upload = await readUpload(request.headers["content-type"] ?? "", bytesOf(request));
      return success({ ...presentScript(await uploadScript(store, edge, named(request), upload)), startup_time_ms: 1 });
    },
  });
  api.route({
    method: "GET",
    url: path,
    handler: async (request: Request) => {
      const script = requireScript(store, named(request));
      const { createdOn, modifiedOn, name } = script;
      return success({ dispatch_namespace: name.namespace, created_on: createdOn, modified_on: modifiedOn, script: presentScript(script) });
    },
  });
  api.route({
    method: "DELETE",
    url: path,
    handler: async (request: Request) => {
      const { force } = request.query;
      if (force !== undefined && force !== "true" && force !== "false") throw new ApiFailure(400, 10001, "force must be true or false.");
      await deleteScript(store, edge, requireScript(store, named(request)), { force: force === "true" });
      return success(null);
    },
  });
  api.route({
    method: "GET",
    url: `${path}/secrets`,
    handler: async (request: Request) =>
      success(requireScript(store, named(request)).secretNames.map((name) => ({ name, type: "secret_text" }))),
  });
  api.route({
    method: "PATCH",
    url: `${path}/secrets-bulk`,
    handler: async (request: Request) => {
      const { secrets } = readJson(request, patchSecretsSchema);
      return success(await patchSecrets(store, requireScript(store, named(request)), secrets));
    },
  });
}

function bindOwnScripts(api: FastifyInstance, { store, edge }: ApiOptions): void {
  const path = `${ACCOUNT}/workers/scripts`;
  const named = (request: Request): ScriptName => ({ namespace: null, script: scriptOf(request) });
  api.route({ method: "GET", url: path, handler: async () => success(store.list(null).map(presentScript)) });
  api.route({
    method: "PUT",
    url: `${path}/:script`,
    handler: async (request: Request) => {
      const upload = await readUpload(request.headers["content-type"] ?? "", bytesOf(request));
      return success({ ...presentScript(await uploadScript(store, edge, named(request), upload)), startup_time_ms: 1 });
    },
  });
  api.route({
    method: "POST",
    url: `${path}/:script/subdomain`,
    handler: async (request: Request) => {
      const { enabled, previews_enabled = enabled } = readJson(request, publishSchema);
      const script = requireScript(store, named(request));
      await store.save({ ...script, published: enabled }, store.secretsOf(script.name));
      return success({ enabled, previews_enabled });
    },
  });
  api.route({ method: "GET", url: `${ACCOUNT}/workers/subdomain`, handler: async () => success({ subdomain: "local" }) });
}

/** A merge patch: sets what has a value, deletes what is null, leaves the rest; one new version for all of it. */
async function patchSecrets(
  store: ScriptStore,
  script: Script,
  patch: z.output<typeof patchSecretsSchema>["secrets"],
): Promise<Record<string, unknown>> {
  const secrets: Record<string, string> = { ...store.secretsOf(script.name) };
  for (const [name, secret] of Object.entries(patch)) {
    if (secret !== null && secret.name !== name) throw new ApiFailure(400, 10001, `The secret under ${name} is named ${secret.name}.`);
    if (script.bindings.some((binding) => binding.name === name)) throw new ApiFailure(400, 10053, `${name} is a binding of another type.`);
    if (secret === null) delete secrets[name];
    else secrets[name] = secret.text;
  }
  const next = { ...script, version: randomUUID(), modifiedOn: new Date().toISOString(), secretNames: Object.keys(secrets) };
  await store.save(next, secrets);
  return Object.fromEntries(next.secretNames.map((name) => [name, { name, type: "secret_text" }]));
}

function requireNamespace(store: ScriptStore, request: Request): string {
  const { namespace } = request.params;
  if (store.namespaceCreatedOn(namespace) === undefined) throw notFound.namespace();
  return namespace;
}

function requireScript(store: ScriptStore, name: ScriptName): Script {
  const script = store.find(name);
  if (script === undefined) throw notFound.script();
  return script;
}

function scriptOf(request: Request): string {
  const parsed = scriptNameSchema.safeParse(request.params.script);
  if (!parsed.success) throw new ApiFailure(400, 10016, `Invalid Worker name: it ${parsed.error.issues[0]?.message}.`);
  return parsed.data;
}

function bytesOf(request: Request): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function readJson<S extends z.ZodType>(request: Request, schema: S): z.output<S> {
  const parsed = schema.safeParse(parseJson(bytesOf(request).toString("utf8")));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ApiFailure(400, 10001, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is wrong"}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new ApiFailure(400, 6007, "Malformed JSON in request body");
    throw error;
  }
}

function presentNamespace(store: ScriptStore, name: string): Record<string, unknown> {
  return {
    namespace_name: name,
    namespace_id: createHash("sha256").update(name).digest("hex").slice(0, 32),
    created_on: store.namespaceCreatedOn(name),
    script_count: store.list(name).length,
    trusted_workers: false,
  };
}

function presentScript({ name, version, createdOn, modifiedOn, metadata, migrationTag }: Script): Record<string, unknown> {
  return {
    id: name.script,
    etag: createHash("sha256").update(version).digest("hex"),
    created_on: createdOn,
    modified_on: modifiedOn,
    has_modules: true,
    compatibility_date: metadata.compatibility_date,
    compatibility_flags: metadata.compatibility_flags ?? [],
    tags: metadata.tags ?? [],
    tail_consumers: metadata.tail_consumers ?? null,
    ...(migrationTag === null ? {} : { migration_tag: migrationTag }),
  };
}
