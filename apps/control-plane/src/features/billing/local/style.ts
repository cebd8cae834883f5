import { Markup } from "@whs/platform/html";
import { createHash } from "node:crypto";

const css = `
:root { color-scheme: light dark; --text: #1b1b1f; --muted: #55555f; --ground: #f6f6f8; --card: #fff; --line: #8a8a96; --accent: #1d4ed8; --on-accent: #fff; --problem: #a4161a; --test: #7a4100; }
@media (prefers-color-scheme: dark) { :root { --text: #ececf1; --muted: #b3b3bf; --ground: #131317; --card: #1d1d23; --line: #80808c; --accent: #9dbbff; --on-accent: #10131c; --problem: #ffa3a6; --test: #ffc98a; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 32rem; padding: 2rem; background: var(--card); border-radius: .75rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; }
h2 { margin: 2rem 0 .5rem; font-size: 1.125rem; }
a { color: var(--accent); }
small { color: var(--muted); font-size: .875rem; }
fieldset { margin: 0 0 1rem; padding: 0; border: 0; }
legend { padding: 0; font-weight: 600; }
.plan { display: flex; gap: .75rem; align-items: flex-start; margin-top: .5rem; padding: .75rem; border: 1px solid var(--line); border-radius: .375rem; cursor: pointer; }
.plan input { margin: .3rem 0 0; accent-color: var(--accent); }
button { padding: .625rem 1rem; font: inherit; font-weight: 600; color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .375rem; cursor: pointer; }
button.secondary { color: var(--accent); background: transparent; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; }
.banner, .notice, .problem { margin: 0 0 1rem; padding: .625rem .75rem; border: 1px solid currentColor; border-radius: .375rem; }
.banner { color: var(--test); }
.problem { color: var(--problem); }
`;

/** The page's whole style, in the page itself: there is nothing else to fetch. */
export const styleElement = new Markup(`<style>${css}</style>`);

/** No script, no image, no frame, no other place to send a form to; the style is allowed by its hash. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(css).digest("base64")}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");
