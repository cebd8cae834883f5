import { fleetprompt } from "@whs/api";
import type { Element, Root } from "hast";
import type { Options as Schema } from "rehype-sanitize";
import { SKIP, visit } from "unist-util-visit";

/**
 * All that may be in a page. What is not here is left out with its attributes; the content of scripts and styles goes
 * with them. Pictures and other embeds are not here: they would tell other places who looks.
 */
export const allowed: Schema = {
  tagNames: "p br hr h1 h2 h3 h4 h5 h6 blockquote pre code strong em del a ul ol li table thead tbody tr th td".split(" "),
  attributes: {
    a: ["href"],
    code: [["className", /^language-[a-z0-9+#-]{1,32}$/i]],
    ol: ["start"],
    th: [["align", "left", "center", "right"]],
    td: [["align", "left", "center", "right"]],
  },
  protocols: { href: ["https"] },
  strip: ["script", "style"],
  ancestors: { li: ["ol", "ul"], tbody: ["table"], td: ["table"], th: ["table"], thead: ["table"], tr: ["table"] },
};

/** Nothing of ours vouches for where a link leads, and where it leads learns nothing of this page. */
const rel = ["noopener", "noreferrer", "nofollow", "ugc"];

/** Keeps links to `https:` addresses alone; of others the text stays. A class that was not allowed leaves no empty one. */
export function restrictLinks(): (tree: Root) => void {
  return (tree) => {
    visit(tree, "element", (node: Element, index, parent) => {
      const { className } = node.properties;
      if (Array.isArray(className) && className.length === 0) delete node.properties["className"];
      if (node.tagName !== "a" || parent === undefined || index === undefined) return undefined;
      const { href } = node.properties;
      const address = fleetprompt.httpsUrl.safeParse(href);
      if (address.success) {
        node.properties = { href: address.data, rel };
        return undefined;
      }
      parent.children.splice(index, 1, ...node.children);
      return [SKIP, index];
    });
  };
}
