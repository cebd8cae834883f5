import { html, type Markup } from "@whs/platform/html";

export interface Page {
  title: string;
  /** What went wrong with the last submission. */
  problem?: string | undefined;
  content: Markup;
}

export function layout({ title, problem, content }: Page): string {
  const alert = problem === undefined ? undefined : html`<p class="problem" role="alert">${problem}</p>`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${problem === undefined ? "" : "Error: "}${title} – WHS</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${alert} ${content}
        </main>
      </body>
    </html>`;
  return page.text;
}

export interface Field {
  name: string;
  label: string;
  type: "text" | "email" | "password";
  autocomplete: string;
  hint?: string;
  value?: string | undefined;
  minLength?: number;
  maxLength: number;
}

export function field({ name, label, type, autocomplete, hint, value, minLength, maxLength }: Field): Markup {
  const described = hint === undefined ? undefined : html`aria-describedby="${name}-hint"`;
  return html`<div class="field">
    <label for="${name}">${label}</label>
    ${hint === undefined ? undefined : html`<p class="hint" id="${name}-hint">${hint}</p>`}
    <input
      id="${name}"
      name="${name}"
      type="${type}"
      autocomplete="${autocomplete}"
      required
      ${described}
      minlength="${minLength ?? 1}"
      maxlength="${maxLength}"
      value="${value ?? ""}"
    />
  </div>`;
}

export const STYLE = `
:root { color-scheme: light dark; --text: #1b1b1f; --muted: #55555f; --ground: #f6f6f8; --card: #fff; --line: #8a8a96; --accent: #1d4ed8; --on-accent: #fff; --problem: #a4161a; }
@media (prefers-color-scheme: dark) { :root { --text: #ececf1; --muted: #b3b3bf; --ground: #131317; --card: #1d1d23; --line: #80808c; --accent: #9dbbff; --on-accent: #10131c; --problem: #ffa3a6; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border-radius: .75rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
a { color: var(--accent); }
.field { margin: 0 0 1rem; }
label { display: block; font-weight: 600; }
.hint { margin: 0; color: var(--muted); font-size: .875rem; }
input { width: 100%; margin-top: .25rem; padding: .625rem .75rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .375rem; }
button { padding: .625rem 1rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .375rem; cursor: pointer; }
button.secondary { color: var(--accent); background: transparent; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; gap: .75rem; }
.problem { margin: 0 0 1rem; padding: .625rem .75rem; color: var(--problem); border: 1px solid currentColor; border-radius: .375rem; }
.code { font: 600 1.5rem/1.5 ui-monospace, monospace; letter-spacing: .1em; }
`.trimStart();
