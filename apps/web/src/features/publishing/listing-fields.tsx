import type { fleetprompt } from "@whs/api";
import type { Problem } from "../../problem.ts";
import { TextArea, TextField } from "../../ui/field.tsx";
import { MarkdownField } from "./markdown-field.tsx";

/** What a listing says, for a new one and for one that is changed. */
export function ListingFields({ listing, problem }: { listing?: fleetprompt.PublisherListing; problem: Problem | undefined }) {
  // Words come back by their place in the list, which is one field here.
  const errorAt = (name: string): string | undefined =>
    Object.entries(problem?.fields ?? {}).find(([field]) => field === name || field.startsWith(`${name}.`))?.[1];
  return (
    <>
      <TextField label="Name" name="name" required maxLength={80} defaultValue={listing?.name} error={errorAt("name")} />
      <TextArea
        label="Summary"
        name="summary"
        rows={2}
        maxLength={240}
        defaultValue={listing?.summary}
        hint="One or two sentences, for lists and search engines."
        error={errorAt("summary")}
      />
      <MarkdownField
        label="Description"
        name="description"
        maxLength={20_000}
        defaultValue={listing?.description.markdown ?? ""}
        error={errorAt("description")}
      />
      <div className="grid gap-5 sm:grid-cols-2">
        <TextField
          label="Categories"
          name="categories"
          defaultValue={listing?.categories.join(", ")}
          hint="Up to 10, with commas between them."
          error={errorAt("categories")}
        />
        <TextField
          label="Tags"
          name="tags"
          defaultValue={listing?.tags.join(", ")}
          hint="Up to 20, with commas between them."
          error={errorAt("tags")}
        />
        <TextField
          label="Documentation (optional)"
          name="docsUrl"
          type="url"
          pattern="https://.*"
          defaultValue={listing?.links.docsUrl}
          hint="An https:// address."
          error={errorAt("links.docsUrl")}
        />
        <TextField
          label="Source (optional)"
          name="repoUrl"
          type="url"
          pattern="https://.*"
          defaultValue={listing?.links.repoUrl}
          hint="An https:// address."
          error={errorAt("links.repoUrl")}
        />
      </div>
    </>
  );
}
