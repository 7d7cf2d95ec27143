/** A finished answer with its evidence: written, quoted or refused. Text only, never markup. */

import { h, icon } from "./dom.js";
import { duration, t } from "./i18n.js";
import { chip, flowing, prose, verdict } from "./sentences.js";
import { address } from "./spans.js";

/** The elements of a question's result. */
export function answerParts(result) {
  const { mode, refused, answer, sentences, citations, searched, timings } = result;
  const quoted = mode === "quoted";
  const body = refused ? [refusal(result)]
    : [quoted && h("p", { class: "fine", testid: "quoted" }, t("quoted")),
      prose(answer, sentences, citations, quoted ? "blockquote" : "div"),
      mode === "written" && verdict(sentences), disputes(sentences, citations),
      sources(citations, quoted)];
  return [...body, searched.degraded && wordsOnly(searched), draft(result), timings?.answer_ms && h("p", { class: "fine" },
    t("timing", { search: duration(timings.retrieve_ms / 1000),
      write: duration(timings.answer_ms / 1000) }))].filter(Boolean);
}

/** What other documents say with other figures, side by side with the answer. */
function disputes(sentences, citations) {
  const ids = new Set(sentences.flatMap((one) => one.disputed ?? []));
  if (ids.size === 0) return null;
  const others = citations.filter((one) => ids.has(one.id));
  return h("div", { class: "notice warn", testid: "disputes" }, icon("warn"),
    h("div", {}, h("strong", {}, t("disputed")),
      others.map((one) => h("p", { class: "fine" }, chip(one), " ", h("q", {}, flowing(one.quote)),
        ` — ${one.document_name} · ${t("page.one", { first: one.page })}`))));
}

/** Where it stands; the words too, unless they are the answer itself. */
function sources(citations, quoted) {
  return h("ol", { class: "sources", testid: "sources", "aria-label": t("sources") },
    citations.map((one) => h("li", {}, chip(one), h("div", { class: "grow" },
      h("a", { href: address(one) }, one.document_name), ` · ${t("page.one", { first: one.page })}`,
      !quoted && h("q", {}, flowing(one.quote))))));
}

function refusal({ answer, searched: { documents, passages }, nearest: near = [] }) {
  return h("div", {}, h("div", { class: "notice warn", testid: "refusal" }, icon("question"),
    h("div", {}, h("strong", {}, answer),
      h("p", { class: "fine" }, t("searched", { documents, passages })))),
    near.length > 0 && nearest(near, t("nearest")));
}

/** Places to look at, which prove nothing yet. */
export function nearest(places, title) {
  return h("div", { class: "sources", testid: "nearest" }, h("p", { class: "fine" }, title),
    places.map((one) => h("div", {}, h("a", { href: address(one) }, one.document_name),
      ` · ${t("page.one", { first: one.page })}`, h("q", {}, flowing(one.quote)))));
}

/** For want of the vector index, or of who could ask it. */
function wordsOnly({ lacking }) {
  return h("p", { class: "fine warn-text", testid: "degraded" }, icon("warn"),
    t(lacking === "embedder_missing" ? "degraded.embedder" : "degraded"));
}

function draft({ draft: text, mode }) {
  return text && h("details", { class: "draft", testid: "draft" },
    h("summary", {}, t("draft")), h("p", { class: "fine" }, t(`draft.${mode}`)),
    h("p", { class: "prose" }, text));
}
