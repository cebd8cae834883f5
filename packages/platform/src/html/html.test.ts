import fc from "fast-check";
import { expect, test } from "vitest";
import { html } from "./index.ts";

test("no value can end the text or the attribute that it stands in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      const { text } = html`<a href="${value}">${value}</a>`;
      expect(text.match(/["<>]/g)).toHaveLength('<a href=""></a>'.match(/["<>]/g)?.length ?? 0);
    }),
  );
});

test("markup inside markup stays markup", () => {
  expect(html`<p>${html`<b>${"<"}</b>`}${[html`<i></i>`, html`<u></u>`]}${undefined}${7}</p>`.text).toBe(
    "<p><b>&lt;</b><i></i><u></u>7</p>",
  );
});
