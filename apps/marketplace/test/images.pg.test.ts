import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startMarketplace, type TestMarketplace, type TestPublisher } from "./harness.ts";
import { draft } from "./offers.ts";

let market: TestMarketplace;
let publisher: TestPublisher;
beforeAll(async () => {
  market = await startMarketplace();
  publisher = await market.publisher();
});
afterAll(() => market.close());

type Uploaded = { image: { url: string; sha256: string } };
const upload = (bytes: Uint8Array, contentType = "image/png", by = publisher) =>
  by.request<Uploaded>("POST", "/v1/publisher/images", bytes, { "content-type": contentType });
const picture = (width: number, height: number, colour = "#08f") => sharp({ create: { width, height, channels: 3, background: colour } });
const served = async (url: string) => {
  const response = await fetch(market.url + url);
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
};

describe("a picture", () => {
  it.each(["png", "jpeg", "webp", "gif"] as const)("of kind %s is encoded anew and served as WebP", async (format) => {
    const answer = await upload(await picture(40, 30).toFormat(format).toBuffer(), `image/${format}`);
    expect(answer.status).toBe(201);
    expect(answer.body.image.url).toBe(`/images/${answer.body.image.sha256}.webp`);
    const { response, bytes } = await served(answer.body.image.url);
    expect(response.headers.get("content-type")).toBe("image/webp");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    expect(response.headers.get("cache-control")).toContain("immutable");
    expect(await sharp(bytes).metadata()).toMatchObject({ format: "webp", width: 40, height: 30 });
  });

  it("loses what it says of its maker, and is upright", async () => {
    const jpeg = await picture(40, 20)
      .withExif({ IFD0: { Artist: "somebody-with-a-name", Orientation: "6" } })
      .withMetadata({ orientation: 6, exif: { IFD0: { Artist: "somebody-with-a-name" } } })
      .jpeg()
      .toBuffer();
    expect(jpeg.includes("somebody-with-a-name")).toBe(true);
    const { body } = await upload(jpeg, "image/jpeg");
    const { bytes } = await served(body.image.url);
    expect(bytes.includes("somebody-with-a-name")).toBe(false);
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 20, height: 40 });
  });

  it("counts by its content, whatever it is called", async () => {
    expect((await upload(await picture(8, 8).webp().toBuffer(), "image/png")).status).toBe(201);
  });

  it.each<[string, () => Promise<Uint8Array>, string, number]>([
    ["SVG called PNG", async () => Buffer.from("<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"), "image/png", 415],
    ["SVG called SVG", async () => Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>"), "image/svg+xml", 415],
    ["HTML", async () => Buffer.from("<script>x()</script>"), "image/gif", 415],
    ["nothing", async () => Buffer.alloc(0), "image/png", 415],
    ["TIFF", async () => picture(8, 8).tiff().toBuffer(), "image/png", 415],
    ["half of a picture", async () => (await picture(300, 300).png().toBuffer()).subarray(0, 60), "image/png", 415],
    ["a beginning alone", async () => Buffer.concat([Buffer.from("GIF89a"), Buffer.from("<script>x()</script>")]), "image/gif", 415],
    ["more pixels than anybody looks at", async () => picture(6_000, 6_000).png().toBuffer(), "image/png", 415],
    ["more bytes than are taken", async () => Buffer.alloc(2 * 1024 * 1024 + 1), "image/png", 413],
    ["JSON", async () => Buffer.from("{}"), "application/json", 415],
  ])("is refused when it is %s", async (_what, bytes, contentType, status) => {
    const code = status === 413 ? "TOO_LARGE" : "UNSUPPORTED";
    expect(await upload(await bytes(), contentType)).toMatchObject({ status, body: { error: { code } } });
  });

  it("of large size is made smaller", async () => {
    const { body } = await upload(await picture(4_000, 2_000).png().toBuffer());
    expect(await sharp((await served(body.image.url)).bytes).metadata()).toMatchObject({ width: 1_600, height: 800 });
  });

  it("that nobody uploaded is not there", async () => {
    for (const name of [`${"0".repeat(64)}.webp`, "..%2f..%2fmaster.key", "x.webp", `${"0".repeat(64)}.svg`])
      expect((await market.anyone("GET", `/images/${name}`)).status).toBe(404);
  });

  it("is shown by listings of its own publisher only", async () => {
    const { body } = await upload(await picture(9, 9, "#f80").png().toBuffer());
    const images = [{ url: body.image.url, alt: "A square" }];
    const listingId = await draft(publisher, { images });
    expect((await publisher.request("GET", `/v1/publisher/listings/${listingId}`)).body).toMatchObject({ listing: { images } });
    const other = await market.publisher();
    expect(await other.request("POST", "/v1/publisher/listings", { assetKind: "whs_agent", name: "x", images })).toMatchObject({
      status: 400,
      body: { error: { details: { fields: [{ fieldName: "images.0.url" }] } } },
    });
  });
});

describe("a quota", () => {
  it("holds fifty pictures, also when they come at once; the same picture counts once; what no listing shows is freed in time", async () => {
    const collector = await market.publisher("collector");
    const sources = await Promise.all(
      Array.from({ length: 52 }, (_, index) =>
        picture(4, 4 + index)
          .png()
          .toBuffer(),
      ),
    );
    const first = await Promise.all(sources.slice(0, 49).map((bytes) => upload(bytes, "image/png", collector)));
    expect(first.map(({ status }) => status)).toEqual(first.map(() => 201));
    const rest = await Promise.all(sources.slice(49).map((bytes) => upload(bytes, "image/png", collector)));
    expect(rest.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
    expect((await upload(sources[0] as Buffer, "image/png", collector)).status).toBe(201);
    const kept = first[0]?.body.image as Uploaded["image"];
    await draft(collector, { images: [{ url: kept.url, alt: "" }] });
    market.clock.advance(8 * 86_400_000);
    await market.jobs.deleteUnusedImages();
    expect((await served(kept.url)).response.status).toBe(200);
    expect((await market.anyone("GET", first[1]?.body.image.url ?? "")).status).toBe(404);
    expect((await upload(sources[51] as Buffer, "image/png", collector)).status).toBe(201);
  });
});
