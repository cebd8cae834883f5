import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { HttpPeer, type PeerAnswer } from "../../testing/http-peer.ts";

interface Version {
  data: Record<string, unknown>;
  createdAt: Date;
  deletedAt: Date | undefined;
  destroyed: boolean;
}

interface Token {
  expiresAtMs: number;
  renewable: boolean;
  ttlSeconds: number;
  slackSeconds: number;
  allowed: boolean;
}

const writeBody = z.strictObject({
  data: z.record(z.string(), z.unknown()),
  options: z.strictObject({ cas: z.int().min(0) }).optional(),
});
/** Of the servers' integrated storage by default. */
const MAX_ENTRY_BYTES = 1024 * 1024;

/**
 * The part of OpenBao's HTTP API that a client of the KV engine, version 2, uses: versions, check-and-set, soft and full
 * deletion, tokens with a time to live, sealing. It follows the published API and is as strict as the servers are.
 */
export class Kv2Peer extends HttpPeer {
  readonly token = `s.${randomBytes(12).toString("hex")}`;
  readonly tokens = new Map<string, Token>();
  readonly entries = new Map<string, Version[]>();
  readonly mount: string;
  namespace: string | undefined;
  engine = { type: "kv", options: { version: "2" } };
  mounted = true;
  sealed = false;

  constructor(mount = "secret") {
    super((request, body) => this.#answer(request, body));
    this.mount = mount;
    this.addToken(this.token, { ttlSeconds: 0, renewable: false });
  }

  /** @param token.slackSeconds it is taken so much longer than it says, for a client on a busy machine. */
  addToken(
    token: string,
    { ttlSeconds, renewable, slackSeconds = 0 }: { ttlSeconds: number; renewable: boolean; slackSeconds?: number },
  ): void {
    const expiresAtMs = ttlSeconds === 0 ? Number.POSITIVE_INFINITY : Date.now() + (ttlSeconds + slackSeconds) * 1000;
    this.tokens.set(token, { expiresAtMs, renewable, ttlSeconds, slackSeconds, allowed: true });
  }

  /** What the CLI's `kv delete` does: the latest version is marked, its number stays. */
  deleteSoftly(path: string): void {
    const latest = this.entries.get(path)?.at(-1);
    if (latest !== undefined) latest.deletedAt = new Date();
  }

  #answer(request: IncomingMessage, body: Buffer): PeerAnswer {
    const url = new URL(request.url ?? "", "http://x");
    const path = url.pathname.replace(/^\/v1\//, "");
    if (path === "sys/health") return json(this.sealed ? 503 : 200, { initialized: true, sealed: this.sealed, standby: false });
    if (this.sealed) return errors(503, "Vault is sealed");
    if ((request.headers["x-vault-namespace"] ?? undefined) !== this.namespace) return errors(403, "permission denied");
    const token = this.tokens.get(String(request.headers["x-vault-token"]));
    if (token === undefined || token.expiresAtMs <= Date.now()) return errors(403, "permission denied");
    if (path.startsWith("auth/token/")) return this.#answerToken(request.method ?? "", path, token);
    if (!token.allowed) return errors(403, "permission denied");
    if (path === `sys/internal/ui/mounts/${this.mount}`)
      return this.mounted
        ? json(200, { data: { path: `${this.mount}/`, ...this.engine } })
        : errors(403, "preflight capability check returned 403");
    const [, kind, key] = new RegExp(`^${this.mount}/(data|metadata)/(.+)$`).exec(path) ?? [];
    if (!this.mounted || kind === undefined || key === undefined)
      return errors(404, `no handler for route "${path}". route entry not found.`);
    return kind === "data" ? this.#answerData(request.method ?? "", key, body) : this.#answerMetadata(request.method ?? "", key, url);
  }

  #answerToken(method: string, path: string, token: Token): PeerAnswer {
    const ttl = token.ttlSeconds === 0 ? 0 : Math.max(1, Math.ceil((token.expiresAtMs - Date.now()) / 1000) - token.slackSeconds);
    if (method === "GET" && path === "auth/token/lookup-self")
      return json(200, { data: { ttl, renewable: token.renewable, type: "service" } });
    if (method !== "POST" || path !== "auth/token/renew-self") return errors(404, "no handler for route");
    if (!token.renewable) return errors(400, "lease is not renewable");
    token.expiresAtMs = Date.now() + (token.ttlSeconds + token.slackSeconds) * 1000;
    return json(200, { auth: { lease_duration: token.ttlSeconds, renewable: true, client_token: "" } });
  }

  #answerData(method: string, key: string, body: Buffer): PeerAnswer {
    const versions = this.entries.get(key) ?? [];
    if (method === "GET") return read(versions);
    if (method !== "POST" && method !== "PUT") return errors(405, "unsupported operation");
    const parsed = writeBody.safeParse(parseJson(body));
    if (!parsed.success) return errors(400, "no data provided");
    if (JSON.stringify(parsed.data.data).length > MAX_ENTRY_BYTES) return errors(500, "put failed due to value being too large");
    const { options, data } = parsed.data;
    if (options !== undefined && options.cas !== versions.length)
      return errors(400, "check-and-set parameter did not match the current version");
    this.entries.set(key, [...versions, { data, createdAt: new Date(), deletedAt: undefined, destroyed: false }]);
    return json(200, {
      data: { version: versions.length + 1, created_time: new Date().toISOString(), deletion_time: "", destroyed: false },
    });
  }

  #answerMetadata(method: string, key: string, url: URL): PeerAnswer {
    if (method === "DELETE") {
      this.entries.delete(key);
      return { status: 204 };
    }
    if (method !== "GET") return errors(405, "unsupported operation");
    if (url.searchParams.get("list") === "true") return this.#list(key.endsWith("/") ? key : `${key}/`);
    const versions = this.entries.get(key);
    const first = versions?.[0];
    if (versions === undefined || first === undefined) return json(404, { errors: [] });
    return json(200, { data: { created_time: first.createdAt.toISOString(), current_version: versions.length, cas_required: false } });
  }

  #list(folder: string): PeerAnswer {
    const below = [...this.entries.keys()].filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
    const keys = new Set(below.map((key) => (key.includes("/") ? key.slice(0, key.indexOf("/") + 1) : key)));
    return keys.size === 0 ? json(404, { errors: [] }) : json(200, { data: { keys: [...keys].toSorted() } });
  }
}

function read(versions: Version[]): PeerAnswer {
  const latest = versions.at(-1);
  if (latest === undefined) return json(404, { errors: [] });
  const gone = latest.destroyed || latest.deletedAt !== undefined;
  const metadata = {
    version: versions.length,
    created_time: latest.createdAt.toISOString(),
    deletion_time: latest.deletedAt?.toISOString() ?? "",
    destroyed: latest.destroyed,
    custom_metadata: null,
  };
  return json(gone ? 404 : 200, { data: { data: gone ? null : latest.data, metadata } });
}

function json(status: number, body: object): PeerAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function errors(status: number, message: string): PeerAnswer {
  return json(status, { errors: [message] });
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
