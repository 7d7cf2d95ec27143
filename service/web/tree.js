/** The tree of a summary: what was written about each part, down to the sections of the text. */

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { prose } from "./sentences.js";
import { address } from "./spans.js";

const keyOf = ({ level, ordinal }) => `${level}.${ordinal}`;

/** Put a node that has come into those that are there. */
export const withNode = (nodes, node) => [
  ...nodes.filter((one) => keyOf(one) !== keyOf(node)), node];

/** Draw the tree into `box`; what the reader closed stays closed. */
export function drawTree(box, nodes, citations) {
  const leaves = nodes.filter(({ level, kind }) => level === 0 && kind !== "whole");
  if (!leaves.length) return box.replaceChildren();
  const closed = new Set([...box.querySelectorAll("details:not([open])")]
    .map(({ dataset }) => dataset.section));
  const drawn = (node, children = []) => nodeElement(node, children, citations,
    !closed.has(keyOf(node)));
  const below = new Map(nodes.map((node) => [node.id, node]));
  const whole = (node) => drawn(node, (node.children ?? []).map((id) => whole(below.get(id))));
  const tops = tops_of(nodes);
  return box.replaceChildren(h("h4", {}, t("sections.title", { count: leaves.length })),
    ...(tops.length ? tops.map(whole) : nodes.sort(byPlace).map((node) => drawn(node))));
}

/** What stands directly below the summary; nothing while it is not finished. */
function tops_of(nodes) {
  const summit = nodes.find(({ kind }) => kind === "final" || kind === "digest");
  const ids = new Set(summit?.children);
  return nodes.filter(({ id }) => ids.has(id));
}

const byPlace = (a, b) => a.level - b.level || a.ordinal - b.ordinal;

function nodeElement(node, children, citations, opened) {
  const { title, pages: [first, last], text, thought, reused, level, documents } = node;
  const pages = first && t(first === last ? "page.one" : "page.range", { first, last });
  const link = first && address({ document_id: documents[0], page: first });
  const words = node.sentences ? prose(text, node.sentences, citations)
    : h("p", { class: "prose" }, text);
  return h("details", { open: opened, testid: level ? "summary-merge" : "summary-section",
    "data-section": keyOf(node) },
    h("summary", {}, title || pages,
      reused && h("span", { class: "tag", title: t("reused.why") }, t("reused"))),
    words, thoughtBlock(thought),
    link && h("a", { href: link, class: "fine" }, pages),
    children.length > 0 && h("div", { class: "below" }, children));
}

/** What a reasoning model thought first: for who wants to know, never part of the summary. */
export const thoughtBlock = (thought) => thought && h("details", { class: "draft",
  testid: "thought" }, h("summary", {}, t("thought")), h("p", { class: "prose" }, thought));
