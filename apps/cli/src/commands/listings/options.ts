import { readFileSync } from "node:fs";
import type { OptionValues } from "../../command.ts";
import { UsageError } from "../../errors.ts";

/** What a listing says, for those that are made and those that are changed. */
export const listingOptions = {
  summary: { kind: "text", value: "text", summary: "One sentence, up to 240 characters" },
  description: { kind: "text", value: "file", summary: "A file in Markdown" },
  tag: { kind: "list", value: "tag", summary: "May be given several times" },
  category: { kind: "list", value: "category", summary: "May be given several times" },
  docsUrl: { kind: "text", value: "url", summary: "Where its documentation is" },
  repoUrl: { kind: "text", value: "url", summary: "Where its source is" },
} as const;

/** Only what was given. */
export function listingFields(options: OptionValues<typeof listingOptions>) {
  const { summary, description, tag, category, docsUrl, repoUrl } = options;
  const links = { ...(docsUrl === undefined ? {} : { docsUrl }), ...(repoUrl === undefined ? {} : { repoUrl }) };
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(description === undefined ? {} : { description: { format: "markdown" as const, markdown: readMarkdown(description) } }),
    ...(tag.length === 0 ? {} : { tags: tag }),
    ...(category.length === 0 ? {} : { categories: category }),
    ...(Object.keys(links).length === 0 ? {} : { links }),
  };
}

/** @throws UsageError */
export function readMarkdown(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read ${file}: ${cause instanceof Error ? cause.message : "unknown reason"}`);
  }
}
