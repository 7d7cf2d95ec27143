/** Section summaries as a tree: a section lies under the smallest other-level one that holds it. */

import { h } from "./dom.js";
import { t } from "./i18n.js";

const toggled = new Map(); //: what the reader opened or closed, so that a redraw keeps it

const width = ({ pages: [first, last] }) => last - first;
const keyOf = (scope, { level, ordinal }) => `${scope}:${level}:${ordinal}`;

/** Whether higher levels are the wider ones (reductions) or the narrower ones (sub-headings). */
function widerIsHigher(sections) {
  const levels = sections.map(({ level }) => level);
  const [low, high] = [Math.min(...levels), Math.max(...levels)];
  const mean = (level) => {
    const widths = sections.filter((one) => one.level === level).map(width);
    return widths.reduce((sum, one) => sum + one, 0) / widths.length;
  };
  return mean(high) >= mean(low);
}

function nest(sections) {
  const sign = widerIsHigher(sections) ? -1 : 1;
  const ordered = [...sections].sort((a, b) => a.pages[0] - b.pages[0] || b.pages[1] - a.pages[1]
    || sign * (a.level - b.level) || a.ordinal - b.ordinal);
  const roots = [];
  const path = [];
  for (const section of ordered) {
    const node = { section, children: [] };
    const holds = ({ section: one }) => sign * (section.level - one.level) > 0
      && one.pages[0] <= section.pages[0] && one.pages[1] >= section.pages[1];
    while (path.length && !holds(path.at(-1))) path.pop();
    (path.at(-1)?.children ?? roots).push(node);
    path.push(node);
  }
  return roots;
}

/** `link(page)` gives a page's address; `scope` tells the sections of documents apart. */
export function sectionTree(sections, { running, link, scope }) {
  const leaf = (section) => sectionNode(section, { running, link, key: keyOf(scope, section) });
  const branch = (nodes) => h("ul", { class: "tree" }, nodes.map(({ section, children }) =>
    h("li", {}, leaf(section), children.length > 0 && branch(children))));
  return branch(nest(sections));
}

function sectionNode({ title, pages: [first, last], text, reused }, { running, link, key }) {
  const pages = first === last ? t("page.one", { first }) : t("page.range", { first, last });
  const head = h("summary", { "data-section": key }, h("span", { class: "grow" }, title || pages),
    reused && h("span", { class: "tag", title: t("reused.why") }, t("reused")));
  const node = h("details", { open: toggled.get(key) ?? running, testid: "summary-section" }, head,
    h("p", { class: "prose" }, text), h("a", { href: link(first), class: "fine" }, pages));
  head.addEventListener("click", () => toggled.set(key, !node.open));
  return node;
}
