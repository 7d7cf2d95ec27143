/** A finished answer with its evidence: written, quoted or refused. Text only, never markup. */

import { h, icon } from "./dom.js";
import { duration, t } from "./i18n.js";
import { address } from "./spans.js";

/** The elements of a question's result. */
export function answerParts(result) {
  const { mode, refused, citations, timings } = result;
  const body = refused ? [refusal(result)]
    : [mode === "quoted" && h("p", { class: "fine", testid: "quoted" }, t("quoted")),
      prose(result), mode === "written" && verdict(result), sources(citations, mode === "quoted")];
  return [...body, draft(result), timings?.answer_ms && h("p", { class: "fine" },
    t("timing", { search: duration(timings.retrieve_ms / 1000),
      write: duration(timings.answer_ms / 1000) }))].filter(Boolean);
}

function chip(citation) {
  const label = t("citation.label", { id: citation.id, name: citation.document_name,
    page: citation.page });
  return h("a", { class: "chip", href: address(citation), testid: "citation", title: label,
    "aria-label": label, "data-verified": String(citation.verified) }, citation.id);
}

/** The sentences in the answer's own layout: what stood between them, if it was a break, stays. */
function prose({ answer, mode, sentences, citations }) {
  const block = h(mode === "quoted" ? "blockquote" : "div", { class: "prose" });
  let place = 0;
  for (const { text, verified, citations: ids } of sentences) {
    const found = Math.max(answer.indexOf(text, place), place);
    if (place) block.append(answer.slice(place, found).replace(/[^\n]/g, "") || " ");
    place = found + text.length;
    block.append(h("span", { testid: "sentence", "data-verified": String(verified) },
      h("span", { class: "words" }, flowing(text)), " ",
      citations.filter(({ id }) => ids.includes(id)).map(chip),
      !verified && h("span", { class: "mark" }, icon("question"), t("unverified"))));
  }
  return block;
}

/** Without the line ends of a page; between Chinese characters no space takes their place. */
const flowing = (text) => text.replace(/(?<=[\u2e80-\uffef])\s*\n\s*(?=[\u2e80-\uffef])/g, "")
  .replace(/\s*\n\s*/g, " ");

function verdict({ sentences }) {
  const good = sentences.filter(({ verified }) => verified).length;
  const all = good === sentences.length;
  return h("p", { class: `fine ${all ? "good-text" : "warn-text"}`, testid: "verdict" },
    icon(all ? "check" : "question"),
    t(all ? "verdict.all" : "verdict", { good, count: sentences.length }));
}

/** Where it stands; the words too, unless they are the answer itself. */
function sources(citations, quoted) {
  return h("ol", { class: "sources", testid: "sources", "aria-label": t("sources") },
    citations.map((one) => h("li", {}, chip(one), h("div", { class: "grow" },
      h("a", { href: address(one) }, one.document_name), ` · ${t("page.one", { first: one.page })}`,
      !quoted && h("q", {}, flowing(one.quote))))));
}

function refusal({ answer, searched: { documents, passages } }) {
  return h("div", { class: "notice warn", testid: "refusal" }, icon("question"),
    h("div", {}, h("strong", {}, answer),
      h("p", { class: "fine" }, t("searched", { documents, passages }))));
}

function draft({ draft: text, mode }) {
  return text && h("details", { class: "draft", testid: "draft" },
    h("summary", {}, t("draft")), h("p", { class: "fine" }, t(`draft.${mode}`)),
    h("p", { class: "prose" }, text));
}
