import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ArchiveHost, readArchiveHost } from "../../../archive-host.ts";
import { fetchArchive, type RepositoryRef, type Resolve } from "./fetch-archive.ts";

const wanted: RepositoryRef = { owner: "ada", repository: "desk", ref: "main" };
const never = new AbortController().signal;
const read = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => (await buffer(Readable.from(bytes))).toString();

async function serve(listener: RequestListener, address = "127.0.0.1", port = 0): Promise<{ port: number; requests: string[] }> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`);
    listener(request, response);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, address, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

const local = (port: number, over: Partial<ArchiveHost> = {}): ArchiveHost => ({
  url: `http://archive.test:${port}`,
  mayReach: (address) => address === "127.0.0.1",
  timeoutMs: 5_000,
  ...over,
});
const to = (...addresses: string[]): Resolve => {
  return async () => addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
};
const fetchFrom = (host: ArchiveHost, resolve: Resolve = to("127.0.0.1"), ref: RepositoryRef = wanted, signal = never): Promise<string> =>
  fetchArchive(ref, { host, resolve, signal }, read);

describe("an archive", () => {
  test("is asked for by owner, repository and ref, under the host's name", async () => {
    const { port, requests } = await serve((_request, response) => response.end("bytes"));
    expect(await fetchFrom(local(port), to("127.0.0.1"), { ...wanted, ref: "feature/x" })).toBe("bytes");
    expect(requests).toEqual([`GET archive.test:${port} /ada/desk/tar.gz/feature/x`]);
  });

  test("may come from below a path", async () => {
    const { port, requests } = await serve((_request, response) => response.end("bytes"));
    await fetchFrom(local(port, { url: `http://archive.test:${port}/_codeload` }));
    expect(requests).toEqual([`GET archive.test:${port} /_codeload/ada/desk/tar.gz/main`]);
  });

  test.each([
    ["..", "main"],
    ["desk", "../../x"],
    ["desk", "a/./b"],
    ["desk?x=", "main"],
    ["desk", "main#x"],
    ["desk", "a\\b"],
  ])("of %s at %s is not asked for", async (repository, ref) => {
    const { port, requests } = await serve((_request, response) => response.end());
    await expect(fetchFrom(local(port), to("127.0.0.1"), { owner: "ada", repository, ref })).rejects.toMatchObject({
      code: "DEPLOYMENT_FAILED",
      retryable: false,
    });
    expect(requests).toEqual([]);
  });
});

describe("an address that is not public", () => {
  const github = readArchiveHost({ url: "https://codeload.github.com", privateAddresses: [], timeoutMs: 5_000 });

  test.each([
    "127.0.0.1",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
  ])("is not connected to: %s", async (address) => {
    await expect(fetchFrom(github, to(address))).rejects.toMatchObject({
      code: "DEPLOYMENT_FAILED",
      message: "codeload.github.com leads to an address that is not public; nothing was fetched from it.",
      retryable: false,
    });
  });

  test("spoils the whole name, whatever else it resolves to", async () => {
    const { port, requests } = await serve((_request, response) => response.end());
    await expect(fetchFrom(local(port), to("127.0.0.1", "10.0.0.1"))).rejects.toThrow("not public");
    expect(requests).toEqual([]);
  });

  test("is refused in the place of a name too", async () => {
    const { port, requests } = await serve((_request, response) => response.end(), "127.0.0.2");
    await expect(fetchFrom(local(port, { url: `http://127.0.0.2:${port}` }))).rejects.toThrow("127.0.0.2 leads to");
    await expect(fetchFrom(local(port, { url: `http://[::1]:${port}` }))).rejects.toThrow("::1 leads to");
    expect(requests).toEqual([]);
  });

  test("is not reached by a name that changes its mind after it was checked", async () => {
    const checked = await serve((_request, response) => response.end("checked"));
    const hidden = await serve((_request, response) => response.end("hidden"), "127.0.0.2", checked.port);
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    let asked = 0;
    const rebinding: Resolve = async (name) => {
      asked += 1;
      return to(...(answers.shift() ?? ["127.0.0.2"]))(name);
    };
    expect(await fetchFrom(local(checked.port), rebinding)).toBe("checked");
    expect(asked).toBe(1);
    expect(hidden.requests).toEqual([]);
    await expect(fetchFrom(local(checked.port), rebinding)).rejects.toThrow("not public");
    expect(hidden.requests).toEqual([]);
  });
});

describe("a host's refusal", () => {
  test.each([301, 302, 303, 307, 308])("by redirect %i is not followed", async (status) => {
    const inside = await serve((_request, response) => response.end("inside"));
    const { port } = await serve((_request, response) =>
      response.writeHead(status, { location: `http://127.0.0.1:${inside.port}/ada/desk/tar.gz/main` }).end("moved"),
    );
    await expect(fetchFrom(local(port))).rejects.toMatchObject({
      retryable: false,
      message: expect.stringContaining("redirects ada/desk"),
    });
    expect(inside.requests).toEqual([]);
  });

  test("with 404 says what to look at and what to do for a private repository", async () => {
    const { port } = await serve((_request, response) => response.writeHead(404).end("404: Not Found"));
    await expect(fetchFrom(local(port))).rejects.toMatchObject({
      retryable: false,
      message:
        'ada/desk has no "main", or is private: check the address and the ref. A private repository cannot be fetched; upload a bundle of it instead.',
    });
  });

  test.each([
    [403, false],
    [451, false],
    [204, false],
    [429, true],
    [500, true],
    [503, true],
  ])("with %i may be asked again: %s", async (status, retryable) => {
    const { port } = await serve((_request, response) => response.writeHead(status).end());
    await expect(fetchFrom(local(port))).rejects.toMatchObject({ code: "DEPLOYMENT_FAILED", retryable });
  });
});

describe("a host that fails", () => {
  test("to take the connection may be asked again", async () => {
    const server = await serve((_request, response) => response.end());
    const unused = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, "127.0.0.1", () => {
        const { port } = probe.address() as AddressInfo;
        probe.close(() => resolve(port));
      });
    });
    expect(unused).not.toBe(server.port);
    await expect(fetchFrom(local(unused))).rejects.toMatchObject({
      retryable: true,
      message: `archive.test:${unused} could not be reached.`,
    });
  });

  test("to be found may be asked again", async () => {
    const lost: Resolve = () => Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));
    await expect(fetchFrom(local(1), lost)).rejects.toMatchObject({ retryable: true, message: "archive.test:1 could not be reached." });
    await expect(fetchFrom(local(1), to())).rejects.toMatchObject({ retryable: true });
  });

  test("half-way may be asked again", async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setImmediate(() => response.destroy());
    });
    await expect(fetchFrom(local(port))).rejects.toMatchObject({ retryable: true });
  });

  test.each<[string, RequestListener, Resolve]>([
    ["says nothing", () => undefined, to("127.0.0.1")],
    ["stops in the middle", (_request, response) => void response.writeHead(200).write("half"), to("127.0.0.1")],
    ["is never found", () => undefined, () => new Promise(() => undefined)],
  ])("because it %s is given up when its time is over", async (_name, listener, resolve) => {
    const { port } = await serve(listener);
    await expect(fetchFrom(local(port, { timeoutMs: 200 }), resolve)).rejects.toMatchObject({
      retryable: false,
      message: `archive.test:${port} did not deliver the repository within 0.2 s.`,
    });
  });

  test("to answer before we stop ends with our reason", async () => {
    const { port } = await serve(() => stop.abort(new Error("stopping")));
    const stop = new AbortController();
    await expect(fetchFrom(local(port), to("127.0.0.1"), wanted, stop.signal)).rejects.toThrow("stopping");
  });
});

test("bytes that nobody wants any more are not waited for", async () => {
  const { port } = await serve((_request, response) => void response.writeHead(200).write("x".repeat(1000)));
  const enough = async (bytes: AsyncIterable<Uint8Array>): Promise<never> => {
    for await (const _ of bytes) throw new Error("enough");
    throw new Error("nothing came");
  };
  await expect(fetchArchive(wanted, { host: local(port), resolve: to("127.0.0.1"), signal: never }, enough)).rejects.toThrow("enough");
});
