/** A digest: one text about many documents, then each document's part, then the tree. */

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { prose, verdict } from "./sentences.js";
import { address } from "./spans.js";
import { drawTree } from "./tree.js";

export function digestParts({ summary, sentences, citations, sections, documents }) {
  const nodes = new Map(sections.map((node) => [node.id, node]));
  const tree = h("section", { class: "sections" });
  drawTree(tree, sections, citations);
  return [h("div", { testid: "digest-text" }, prose(summary, sentences, citations)),
    verdict(sentences),
    ...documents.map((part) => h("section", { class: "part", testid: "digest-part" },
      h("h4", {}, h("a", { href: address({ document_id: part.document_id, page: 1 }) }, part.name)),
      prose(part.summary, nodes.get(part.node).sentences, citations))),
    h("details", { class: "draft" }, h("summary", {}, t("tree")), tree)];
}
