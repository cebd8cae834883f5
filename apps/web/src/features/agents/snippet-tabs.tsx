import { CodeBlock } from "../../ui/code-block.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import type { Snippet } from "./snippets.ts";

export function SnippetTabs({ title, snippets }: { title: string; snippets: readonly Snippet[] }) {
  return (
    <section aria-labelledby="call">
      <h2 id="call" className="mb-1 text-lg font-semibold">
        {title}
      </h2>
      <p className="mb-3 max-w-prose text-muted">
        Each reads an API token from <code className="font-mono text-sm">WHS_API_TOKEN</code>.
      </p>
      <Tabs
        label="Ways to call the agent"
        tabs={snippets.map(({ key, label, code }) => ({ key, label, content: <CodeBlock label={label} code={code} /> }))}
      />
    </section>
  );
}
