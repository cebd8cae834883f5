import { Check, Copy } from "lucide-react";
import { useState } from "react";

const SHOWN_MS = 2_000;

/** Text to copy: commands and snippets. */
export function CodeBlock({ label, code }: { label: string; code: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(code);
    setCopied(true);
    setTimeout(setCopied, SHOWN_MS, false);
  };
  const Icon = copied ? Check : Copy;
  return (
    <div className="relative rounded-lg border border-line bg-sunken">
      <button
        type="button"
        aria-label={copied ? "Copied" : `Copy ${label}`}
        className="absolute top-2 right-2 rounded-md border border-line bg-surface p-1.5 text-muted hover:bg-hover hover:text-text"
        onClick={() => void copy()}
      >
        <Icon aria-hidden className="size-4" />
      </button>
      <pre tabIndex={0} role="region" aria-label={label} className="overflow-x-auto p-4 pr-12 font-mono text-sm leading-relaxed">
        <code>{code}</code>
      </pre>
      <span aria-live="polite" className="sr-only">
        {copied ? "Copied" : ""}
      </span>
    </div>
  );
}
