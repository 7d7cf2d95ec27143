/** A comparison: what differs first, then what only one document says, then what all say. */

import { h } from "./dom.js";
import { number, t } from "./i18n.js";
import { chip, flowing } from "./sentences.js";

export function comparisonParts(result) {
  const { documents, overview, differs, agrees, only, citations } = result;
  const names = new Map(documents.map((one) => [keyOf(one), one.name]));
  return [overview && h("p", { class: "prose", testid: "compare-overview" }, overview),
    list("compare.differs", differs, (one) => difference(one, names, citations), true),
    ...onlyParts(only, names, citations),
    list("compare.agrees", agrees, (one) => h("li", {}, flowing(one.text), " ",
      chips(one.citations, citations)))];
}

const keyOf = ({ version_id: version, document_id: id }) => version ?? id;

const chips = (ids, citations) => ids.map((id) => citations.find((one) => one.id === id))
  .filter(Boolean).map(chip);

function list(key, items, render, opened = false) {
  if (!items.length) return null;
  return h("details", { class: "compared", open: opened, testid: key.replace(".", "-") },
    h("summary", {}, `${t(key)} (${number(items.length)})`), h("ul", {}, items.map(render)));
}

function onlyParts(only, names, citations) {
  return only.map((one) => {
    const block = list("compare.only", one.statements, (said) => h("li", {}, flowing(said.text), " ",
      chips(said.citations, citations)));
    block?.querySelector("summary").append(` · ${names.get(keyOf(one)) ?? ""}`);
    return block;
  });
}

/** All sides of it under its subject, with the words that are not the same marked on each. */
function difference({ subject, sides }, names, citations) {
  return h("li", {}, h("strong", {}, subject), h("div", { class: "difference" },
    sides.map((side) => h("div", {}, h("span", { class: "fine" }, names.get(keyOf(side)) ?? ""),
      h("p", { class: "prose" }, marked(side), " ", chips(side.citations, citations))))));
}

/** The text of a side; `changed` has pairs of the first side's words and its own. */
function marked({ text, changed }) {
  const words = changed.flatMap(wordsOf).filter(Boolean);
  const found = words.map((word) => [text.indexOf(word), word])
    .filter(([at]) => at >= 0).sort(([a], [b]) => a - b);
  const parts = [];
  let place = 0;
  for (const [at, word] of found) {
    if (at < place) continue;
    parts.push(text.slice(place, at), h("mark", {}, word));
    place = at + word.length;
  }
  return [...parts, text.slice(place)];
}

const wordsOf = (change) => (Array.isArray(change) ? change : [change.from, change.to]);
