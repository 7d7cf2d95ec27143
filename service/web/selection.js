/** The documents that are ticked, and what can be done with several of them at once. */

import { byId, h, iconButton } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { documentOf, on, tell } from "./state.js";

const MOST_COMPARED = 10;
const picked = new Set(); //: ids, in the order they were ticked

export function startSelection() {
  on("collection", clear);
  on("documents", draw);
  on("document-gone", (id) => { picked.delete(id); draw(); });
  onLanguage(draw);
}

/** The box that ticks a document. */
export const pickBox = ({ id, name }) => h("input", { type: "checkbox", class: "pick",
  testid: "pick", checked: picked.has(id), "aria-label": t("pick.named", { name }),
  onchange: ({ target }) => {
    if (target.checked) picked.add(id);
    else picked.delete(id);
    draw();
  } });

function clear() {
  picked.clear();
  for (const box of document.querySelectorAll(".pick")) box.checked = false;
  draw();
}

function draw() {
  const documents = [...picked].map(documentOf).filter(Boolean);
  const bar = byId("selection");
  bar.hidden = !documents.length;
  const action = (kind, allowed) => h("button", { type: "button", disabled: !allowed,
    testid: `do-${kind}`, onclick: () => tell("compose", { kind, documents }) }, t(`do.${kind}`));
  bar.replaceChildren(h("span", { class: "fine grow" }, t("picked", { count: documents.length })),
    action("digest", documents.length > 1),
    action("compare", documents.length > 1 && documents.length <= MOST_COMPARED),
    action("extract", true),
    iconButton("close", t("pick.none"), { testid: "pick-none", onclick: clear }));
}
