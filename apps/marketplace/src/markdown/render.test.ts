import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { xssCorpus } from "@whs/stack/xss-corpus";
import { renderMarkdown, requireRenderable } from "./index.ts";

/** Every tag, with its attributes, that the HTML has. */
function tagsOf(html: string): { name: string; attributes: string }[] {
  return [...html.matchAll(/<\/?([a-z][a-z0-9]*)\b([^>]*)>/gi)].map(([, name = "", attributes = ""]) => ({
    name,
    attributes: attributes.trim(),
  }));
}

const tagNames = new Set("p br hr h1 h2 h3 h4 h5 h6 blockquote pre code strong em del a ul ol li table thead tbody tr th td".split(" "));
const attributes: RegExp =
  /^(|\/|href="https:\/\/[^"<>]*" rel="noopener noreferrer nofollow ugc"|class="language-[a-z0-9+#-]{1,32}"|start="-?\d+"|align="(left|center|right)")$/i;

function expectHarmless(html: string): void {
  for (const tag of tagsOf(html)) {
    expect({ ...tag, allowed: tagNames.has(tag.name) }).toMatchObject({ allowed: true });
    expect(tag.attributes).toMatch(attributes);
  }
  // What is left when tags and text are gone would be markup that the pattern above does not know.
  expect(html.replaceAll(/<\/?[a-z][a-z0-9]*\b[^>]*>/gi, "")).not.toContain("<");
}

describe("a text", () => {
  it.each(xssCorpus)("runs nothing: %j", (vector) => {
    for (const text of [vector, `before ${vector} after`, `> - ${vector}`, `**${vector}**`]) expectHarmless(renderMarkdown(text));
  });

  it("of any kind becomes harmless HTML, the same each time", () => {
    const piece = fc.oneof(fc.constantFrom(...xssCorpus, "\n\n", "- ", "> ", "`", "*", "[", "](", ")", "<", "&", '"', "|"), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join("");
        const html = renderMarkdown(text);
        expectHarmless(html);
        expect(renderMarkdown(text)).toBe(html);
      }),
      { numRuns: 200 },
    );
  });

  it("keeps what it may have", () => {
    const text = "# A\n\n**b** *c* ~~d~~ `e` [f](https://ok.example/g)\n\n1. h\n\n| i |\n| :-: |\n| j |\n\n```js\nk\n```";
    expect(renderMarkdown(text)).toBe(
      [
        "<h1>A</h1>",
        '<p><strong>b</strong> <em>c</em> <del>d</del> <code>e</code> <a href="https://ok.example/g" rel="noopener noreferrer nofollow ugc">f</a></p>',
        "<ol>\n<li>h</li>\n</ol>",
        '<table>\n<thead>\n<tr>\n<th align="center">i</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align="center">j</td>\n</tr>\n</tbody>\n</table>',
        '<pre><code class="language-js">k\n</code></pre>',
      ].join("\n"),
    );
  });

  it("whose link leads elsewhere than to https keeps the words", () => {
    expect(renderMarkdown("[words](http://example.com) and [more](/here)")).toBe("<p>words and more</p>");
  });
});

describe("a text that would keep a server busy", () => {
  it.each<[string, string]>([
    ["quotes in quotes", ">".repeat(20_000)],
    ["marks without end", "*a".repeat(10_000)],
    ["strokes without end", "~a".repeat(10_000)],
    ["brackets without end", "[".repeat(20_000)],
    ["tags without end", "<a ".repeat(6_000)],
    ["rows without end", `|a|\n|-|\n${"|b\n".repeat(6_000)}`],
    ["lists in lists", Array.from({ length: 150 }, (_, level) => `${"  ".repeat(level)}- a`).join("\n")],
  ])("is refused before it does: %s", (_what, text) => {
    expect(() => requireRenderable("description.markdown", text)).toThrow(expect.objectContaining({ code: "INVALID_REQUEST" }));
  });

  it.each<[string, string]>([
    ["a long text", "Some words of a text that goes on. ".repeat(570)],
    ["a large table", `| a | b |\n| - | - |\n${"| some | words |\n".repeat(450)}`],
    ["many paragraphs with emphasis", "Some *words* and **others**, `code` and [links](https://ok.example).\n\n".repeat(250)],
    ["lines and rules", `${"- item\n".repeat(500)}\n${"-".repeat(200)}\n${"*".repeat(200)}`],
  ])("is not what people write: %s", (_what, text) => {
    expect(() => requireRenderable("description.markdown", text)).not.toThrow();
    expectHarmless(renderMarkdown(text));
  });
});
