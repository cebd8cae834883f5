/** What search engines and previews are told of a public page. */
import type { MetaDescriptor } from "react-router";

interface PageDescription {
  title: string;
  description: string;
  /** The one address of this content, absolute. */
  canonical: string;
  /** An absolute URL. */
  image?: string | undefined;
  /** False for pages that repeat what others have, such as what a search has found. */
  indexed?: boolean;
}

export function describePage({ title, description, canonical, image, indexed = true }: PageDescription): MetaDescriptor[] {
  return [
    { title },
    { name: "description", content: description },
    { tagName: "link", rel: "canonical", href: canonical },
    ...(indexed ? [] : [{ name: "robots", content: "noindex, follow" }]),
    { property: "og:type", content: "website" },
    { property: "og:title", content: title },
    { property: "og:description", content: description },
    { property: "og:url", content: canonical },
    ...(image === undefined ? [] : [{ property: "og:image", content: image }]),
  ];
}
