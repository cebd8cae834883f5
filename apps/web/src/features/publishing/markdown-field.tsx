import { useEffect, useId, useRef, useState } from "react";
import { useFetcher } from "react-router";
import { paths } from "../../paths.ts";
import { TextArea } from "../../ui/field.tsx";
import { Prose } from "../../ui/prose.tsx";
import type { action } from "./preview.ts";

/** After the last key. */
const PAUSE_MS = 300;

interface MarkdownFieldProps {
  label: string;
  name: string;
  defaultValue?: string;
  maxLength: number;
  rows?: number;
  error?: string | undefined;
}

/** Markdown, and beside it what the marketplace makes of it while it is written. */
export function MarkdownField({ label, rows = 12, defaultValue = "", ...field }: MarkdownFieldProps) {
  const id = useId();
  const { data, submit } = useFetcher<typeof action>();
  const [text, setText] = useState(defaultValue);
  const asked = useRef("");
  useEffect(() => {
    if (text === asked.current) return undefined;
    const timer = setTimeout(() => {
      asked.current = text;
      void submit({ markdown: text }, { method: "post", action: paths.preview() });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, submit]);
  const html = data !== undefined && "html" in data ? data.html : undefined;
  const message = data !== undefined && "message" in data ? data.message : undefined;
  return (
    <div className="grid items-start gap-4 xl:grid-cols-2">
      <TextArea
        {...field}
        label={label}
        rows={rows}
        hint="Markdown. HTML, pictures and links other than https: are left out."
        defaultValue={defaultValue}
        onChange={(event) => setText(event.currentTarget.value)}
        className="font-mono text-sm"
      />
      <section aria-labelledby={id} className="min-w-0 rounded-md border border-dashed border-line-strong p-3">
        <h2 id={id} className="mb-2 text-sm font-medium text-muted">
          Preview of the {label.toLowerCase()}
        </h2>
        {message !== undefined && <p className="text-bad">{message}</p>}
        {html !== undefined && html !== "" && <Prose html={html} />}
        {(html ?? "") === "" && message === undefined && <p className="text-muted">What you write is shown here as others will see it.</p>}
      </section>
    </div>
  );
}
