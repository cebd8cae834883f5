import type { fleetprompt } from "@whs/api";

/** A listing's pictures, as its publisher describes them. */
export function Pictures({ images }: { images: fleetprompt.PublicListing["images"] }) {
  if (images.length === 0) return null;
  return (
    <ul aria-label="Pictures" className="grid gap-3 sm:grid-cols-2">
      {images.map(({ url, alt }) => (
        <li key={url} className="overflow-hidden rounded-lg border border-line bg-sunken first:sm:col-span-2">
          <img src={url} alt={alt} loading="lazy" decoding="async" className="aspect-video w-full object-contain" />
        </li>
      ))}
    </ul>
  );
}
