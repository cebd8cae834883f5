export { renderMarkdown, requireRenderable } from "./render.ts";
