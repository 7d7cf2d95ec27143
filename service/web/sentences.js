/** Text whose sentences are linked to what carries them. Text only, never markup. */

import { h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { address } from "./spans.js";

/** The number of a citation, as a link to its place. */
export function chip(citation) {
  const label = t("citation.label", { id: citation.id, name: citation.document_name,
    page: citation.page });
  return h("a", { class: "chip", href: address(citation), testid: "citation", title: label,
    "aria-label": label, "data-verified": String(citation.verified) }, citation.id);
}

/** How sure it is that the documents say a sentence. */
const supportOf = ({ support, verified }) => support ?? (verified ? "verified" : "unsupported");

/** The sentences in the text's own layout: what stood between them, if it was a break, stays. */
export function prose(text, sentences, citations, tag = "div") {
  const block = h(tag, { class: "prose" });
  let place = 0;
  for (const sentence of sentences) {
    const found = Math.max(text.indexOf(sentence.text, place), place);
    if (place) block.append(text.slice(place, found).replace(/[^\n]/g, "") || " ");
    place = found + sentence.text.length;
    block.append(sentenceNode(sentence, citations));
  }
  return block;
}

function sentenceNode(sentence, citations) {
  const support = supportOf(sentence);
  const places = sentence.citations.map((id) => citations[id - 1]).filter(Boolean);
  const doubt = support === "unsupported" && t("unverified");
  const hint = support === "similar" && t("similar.why");
  return h("span", { testid: "sentence", "data-support": support },
    h("span", { class: "words", title: hint || undefined }, flowing(sentence.text)), " ",
    places.map(chip), doubt && h("span", { class: "mark" }, icon("question"), doubt));
}

/** Without the line ends of a page; between Chinese characters no space takes their place. */
export const flowing = (text) => text
  .replace(/(?<=[\u2e80-\uffef])\s*\n\s*(?=[\u2e80-\uffef])/g, "").replace(/\s*\n\s*/g, " ");

/** In one line: how many of the sentences the documents carry. */
export function verdict(sentences) {
  const claims = sentences.filter((one) => supportOf(one) !== "no_claim");
  const good = claims.filter((one) => supportOf(one) !== "unsupported").length;
  const all = good === claims.length;
  return h("p", { class: `fine ${all ? "good-text" : "warn-text"}`, testid: "verdict" },
    icon(all ? "check" : "question"),
    t(all ? "verdict.all" : "verdict", { good, count: claims.length }));
}
