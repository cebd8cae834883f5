import { AppError } from "@whs/platform/errors";
import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { Agent, type Dispatcher } from "undici";
import type { ArchiveHost } from "../../../archive-host.ts";

export interface RepositoryRef {
  owner: string;
  repository: string;
  /** A branch, a tag or a commit. */
  ref: string;
}

export interface ResolvedAddress {
  address: string;
  family: number;
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly ResolvedAddress[]>;

export interface FetchOptions {
  host: ArchiveHost;
  /** Ends the fetch with its reason. */
  signal: AbortSignal;
  /** Default: the system's resolver. */
  resolve?: Resolve;
}

const connectTimeoutMs = 10_000;
const maxHeaderBytes = 16 * 1024;
const lookUpAll: Resolve = (hostname) => lookup(hostname, { all: true });

/**
 * Fetches a repository's tar.gz and hands its bytes to `use`, which has to read them. The name is resolved once, every
 * address is checked, and the connection goes to the checked address and nowhere else: no redirect is followed.
 * @throws AppError `DEPLOYMENT_FAILED` with a message for the author; whatever `use` throws.
 */
export async function fetchArchive<Result>(
  { owner, repository, ref }: RepositoryRef,
  { host, signal, resolve = lookUpAll }: FetchOptions,
  use: (bytes: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const url = archiveUrl(host, { owner, repository, ref });
  const deadline = AbortSignal.timeout(host.timeoutMs);
  const ended = AbortSignal.any([signal, deadline]);
  const failed = (cause: unknown): unknown => {
    if (cause instanceof AppError || signal.aborted) return cause;
    if (deadline.aborted) return refused(`${url.host} did not deliver the repository within ${host.timeoutMs / 1000} s.`, cause);
    return new AppError("DEPLOYMENT_FAILED", `${url.host} could not be reached.`, { retryable: true, cause });
  };
  const addresses = await addressesOf(url.hostname.replace(/^\[|\]$/g, ""), host, within(resolve, ended)).catch((error: unknown) => {
    throw failed(error);
  });
  const agent = new Agent({
    connect: { lookup: pinnedTo(addresses), timeout: connectTimeoutMs },
    maxHeaderSize: maxHeaderBytes,
    // The deadline covers both.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  try {
    const response = await agent
      .request({
        origin: url.origin,
        path: url.pathname,
        method: "GET",
        headers: { accept: "application/gzip", "user-agent": "whs" },
        signal: ended,
      })
      .catch((error: unknown) => {
        throw failed(error);
      });
    if (response.statusCode !== 200) throw refusalOf(response.statusCode, { owner, repository, ref }, url.host);
    return await use(bytesOf(response, failed));
  } finally {
    await agent.destroy();
  }
}

/** @throws AppError for names that a URL reads in another way than they stand there, such as `..`. */
function archiveUrl(host: ArchiveHost, { owner, repository, ref }: RepositoryRef): URL {
  const base = new URL(host.url);
  const path = `${base.pathname.replace(/\/$/, "")}/${owner}/${repository}/tar.gz/${ref}`;
  const url = new URL(path, base);
  if (url.origin === base.origin && url.pathname === path) return url;
  throw refused(`${owner}/${repository} at "${ref}" is no address of a repository.`);
}

/** A look-up cannot be stopped, but it need not be waited for. */
function within(resolve: Resolve, ended: AbortSignal): Resolve {
  return (hostname) => {
    ended.throwIfAborted();
    return Promise.race([
      resolve(hostname),
      new Promise<never>((_resolve, reject) => {
        ended.addEventListener("abort", () => reject(ended.reason as Error), { once: true });
      }),
    ]);
  };
}

/** Every address has to pass: a name that leads to a private place as well is no name of a public host. */
async function addressesOf(hostname: string, host: ArchiveHost, resolve: Resolve): Promise<readonly ResolvedAddress[]> {
  const family = isIP(hostname);
  const addresses = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
  if (addresses.length === 0) throw new Error(`${hostname} has no address`);
  if (addresses.every(({ address }) => host.mayReach(address))) return addresses;
  throw refused(`${hostname} leads to an address that is not public; nothing was fetched from it.`);
}

/** The socket gets the addresses that were checked; no name is resolved a second time. */
function pinnedTo(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family ?? 0);
  };
}

async function* bytesOf({ body }: Dispatcher.ResponseData, failed: (cause: unknown) => unknown): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const next = await chunks.next().catch((error: unknown) => {
        throw failed(error);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    body.destroy();
  }
}

function refusalOf(status: number, { owner, repository, ref }: RepositoryRef, host: string): AppError {
  if (status === 404) {
    return refused(
      `${owner}/${repository} has no "${ref}", or is private: check the address and the ref. ` +
        "A private repository cannot be fetched; upload a bundle of it instead.",
    );
  }
  if (status >= 300 && status < 400) {
    return refused(`${host} redirects ${owner}/${repository} elsewhere, which is not followed: use the repository's present address.`);
  }
  const message = `${host} answered ${status} for ${owner}/${repository}.`;
  if (status === 429 || status >= 500) return new AppError("DEPLOYMENT_FAILED", message, { retryable: true });
  return refused(message);
}

function refused(message: string, cause?: unknown): AppError {
  return new AppError("DEPLOYMENT_FAILED", message, { retryable: false, ...(cause === undefined ? {} : { cause }) });
}
