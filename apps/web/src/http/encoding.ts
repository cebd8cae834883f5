export type Encoding = "br" | "gzip";

/** The best that the client takes, by its `Accept-Encoding`; undefined where it takes neither. */
export function encodingFor(request: Request): Encoding | undefined {
  const offers = (request.headers.get("accept-encoding") ?? "").toLowerCase().split(",");
  const taken = offers.map((offer) => offer.split(";")).filter(([, quality = ""]) => !/^\s*q=0(?:\.0*)?\s*$/.test(quality));
  const names = new Set(taken.map(([name = ""]) => name.trim()));
  return names.has("br") ? "br" : names.has("gzip") ? "gzip" : undefined;
}
