import { textOf } from "../../form-text.ts";

/** What the form says, as the API takes it. What is empty is emptied. */
export function readListingForm(form: FormData) {
  const docsUrl = textOf(form, "docsUrl");
  const repoUrl = textOf(form, "repoUrl");
  return {
    name: textOf(form, "name") ?? "",
    summary: textOf(form, "summary") ?? "",
    description: { format: "markdown" as const, markdown: textOf(form, "description") ?? "" },
    categories: wordsOf(textOf(form, "categories")),
    tags: wordsOf(textOf(form, "tags")),
    links: { ...(docsUrl === undefined ? {} : { docsUrl }), ...(repoUrl === undefined ? {} : { repoUrl }) },
  };
}

function wordsOf(text = ""): string[] {
  return text
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
