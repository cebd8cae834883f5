import { describe, expect, test } from "vitest";
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from "node:zlib";
import { compress } from "./compress.ts";

const encoder = new TextEncoder();
const asking = (headers: Record<string, string>) => new Request("http://127.0.0.1/", { headers });
const html = (body: BodyInit, headers: Record<string, string> = {}) =>
  new Response(body, { status: 404, headers: { "content-type": "text/html; charset=utf-8", ...headers } });
const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe("a visitor's page", () => {
  test.for([
    ["gzip, deflate, br, zstd", "br", brotliDecompressSync],
    ["gzip", "gzip", gunzipSync],
    ["br;q=0, gzip;q=0.5", "gzip", gunzipSync],
  ] as const)("is sent to who takes %s as %s", async ([accepted, encoding, unpack]) => {
    const sent = compress(asking({ "accept-encoding": accepted, cookie: "whs_theme=dark" }), html("<p>Hello</p>"));
    expect([sent.status, sent.headers.get("content-encoding"), sent.headers.get("vary")]).toEqual([404, encoding, "accept-encoding"]);
    expect(unpack(await bytesOf(sent)).toString()).toBe("<p>Hello</p>");
  });

  test.for(["identity", "br;q=0", "gzip; q=0.0", "*"])("is sent as it is to who takes %s", async (accepted) => {
    const sent = compress(asking({ "accept-encoding": accepted }), html("<p>Hello</p>"));
    expect([sent.headers.get("content-encoding"), sent.headers.get("vary")]).toEqual([null, "accept-encoding"]);
    expect(await sent.text()).toBe("<p>Hello</p>");
  });

  test.for(["br", "gzip"])("in %s arrives piece by piece", async (encoding) => {
    const page = new TransformStream<Uint8Array, Uint8Array>();
    const writer = page.writable.getWriter();
    const sent = compress(asking({ "accept-encoding": encoding }), html(page.readable));
    const unpacker = encoding === "br" ? createBrotliDecompress() : createGunzip();
    const pieces = unpacker[Symbol.asyncIterator]();
    void (async () => {
      for await (const chunk of sent.body ?? []) unpacker.write(chunk);
      unpacker.end();
    })();
    for (const piece of ["<p>first</p>", "<p>second</p>"]) {
      await writer.write(encoder.encode(piece));
      expect(String((await pieces.next()).value)).toBe(piece);
    }
    await writer.close();
    expect((await pieces.next()).done).toBe(true);
  });

  test("ends where it was made when the visitor leaves, and fails where it fails", async () => {
    const left = Promise.withResolvers<void>();
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(encoder.encode("<p></p>")),
      cancel: () => left.resolve(),
    });
    await compress(asking({ "accept-encoding": "br" }), html(endless)).body?.cancel();
    await left.promise;
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error("broken")) });
    await expect(compress(asking({ "accept-encoding": "br" }), html(broken)).text()).rejects.toThrow("broken");
  });
});

test.for([
  ["a page in a session", { cookie: "whs_theme=dark; whs_session=sealed" }, {}],
  ["a page in a session over https", { cookie: "__Host-whs_session=sealed" }, {}],
  ["a page that begins one", {}, { "set-cookie": "whs_session=sealed" }],
  ["what is no page", {}, { "content-type": "text/event-stream" }],
] as const)("%s is never compressed", ([, request, response]) => {
  const page = html("<p>Hello</p>", response);
  expect(compress(asking({ "accept-encoding": "br", ...request }), page)).toBe(page);
});
