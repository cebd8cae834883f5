import { Search } from "lucide-react";
import { Form } from "react-router";
import { paths } from "../../paths.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import type { SearchQuery } from "./search-query.ts";
import { kindNames, sortNames } from "./words.ts";

const optionsOf = (names: Readonly<Record<string, string>>) => Object.entries(names).map(([value, label]) => ({ value, label }));

/** Words alone, for the home page. */
export function SearchBox() {
  return (
    <Form method="get" action={paths.marketplaceSearch()} role="search" className="flex max-w-2xl items-end gap-2">
      <div className="min-w-0 flex-1">
        <TextField label="Search the marketplace" type="search" name="q" maxLength={200} />
      </div>
      <Button type="submit" look="primary">
        <Search aria-hidden className="size-4" />
        Search
      </Button>
    </Form>
  );
}

/** Words, kind and order; the tags and categories that are chosen stay chosen. */
export function SearchForm({ query }: { query: SearchQuery }) {
  return (
    <Form
      method="get"
      action={paths.marketplaceSearch()}
      role="search"
      className="mb-6 grid items-end gap-3 sm:grid-cols-[minmax(0,2fr)_1fr_1fr_auto]"
    >
      {query.tags.length > 0 && <input type="hidden" name="tags" value={query.tags.join(",")} />}
      {query.categories.length > 0 && <input type="hidden" name="categories" value={query.categories.join(",")} />}
      <TextField label="Search" type="search" name="q" maxLength={200} defaultValue={query.q} />
      <SelectField
        label="Kind"
        name="kind"
        defaultValue={query.kind ?? ""}
        options={[{ value: "", label: "All" }, ...optionsOf(kindNames)]}
      />
      <SelectField
        label="Order"
        name="sort"
        defaultValue={query.sort ?? ""}
        options={[{ value: "", label: "Default" }, ...optionsOf(sortNames)]}
      />
      <Button type="submit" look="primary">
        Search
      </Button>
    </Form>
  );
}
