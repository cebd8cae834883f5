import type { AnswerOf, BodyOf, fleetprompt } from "@whs/api";
import { renderMarkdown, requireRenderable } from "../../markdown/index.ts";

/** What a text would be shown as, for whoever is still writing it. */
export function previewMarkdown({ markdown }: BodyOf<typeof fleetprompt.previewMarkdown>): AnswerOf<typeof fleetprompt.previewMarkdown> {
  requireRenderable("markdown", markdown);
  return { html: renderMarkdown(markdown) };
}
