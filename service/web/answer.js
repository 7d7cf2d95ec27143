/** An answer with its evidence: sentences, marks, citations, refusals. Text only, never markup. */

import { h, icon } from "./dom.js";
import { duration, number, t } from "./i18n.js";
import { copyButton } from "./notices.js";
import { address } from "./spans.js";

/** A mark that says in words and shape, not only in colour, whether the source was found. */
function mark(verified) {
  return h("span", { class: `mark ${verified ? "good-text" : "warn-text"}` },
    icon(verified ? "check" : "question"), t(verified ? "verified" : "unverified"));
}

function chip(citation) {
  const label = t(citation.verified ? "citation.label" : "citation.label.unverified",
    { id: citation.id, name: citation.document_name, page: citation.page });
  return h("a", { class: "chip", href: address(citation), testid: "citation", title: label,
    "aria-label": label, "data-verified": String(Boolean(citation.verified)) }, citation.id);
}

/** The elements of a finished answer, or of a stored turn, which has no sentences. */
export function answerParts(result) {
  const byId = new Map((result.citations ?? []).map((one) => [one.id, one]));
  if (result.refused) return [refusal(result), draft(result), footnote(result)].filter(Boolean);
  const sentences = result.sentences ?? [];
  const good = sentences.filter(({ verified }) => verified).length;
  const verdict = sentences.length > 0 && h("p", { class: "fine", testid: "verdict" },
    t("verdict", { good, count: sentences.length }));
  const text = sentences.length ? sentencesBlock(result.answer ?? "", sentences, byId)
    : h("p", { class: "prose" }, result.answer ?? "");
  return [text, verdict, sources(result.citations ?? []), draft(result), footnote(result)]
    .filter(Boolean);
}

/** The sentences in the answer's own layout: what stood between them, if it was a break, stays. */
function sentencesBlock(answer, sentences, byId) {
  const block = h("div", { class: "prose" });
  let place = 0;
  for (const { text, verified, citations = [] } of sentences) {
    const found = answer.indexOf(text, place);
    const between = found < 0 ? "" : answer.slice(place, found);
    if (found >= 0) place = found + text.length;
    const breaks = between.replace(/[^\n]/g, "").slice(0, 2);
    if (block.childNodes.length) block.append(breaks || " ");
    block.append(h("span", { class: "sentence", testid: "sentence",
      "data-verified": String(Boolean(verified)) },
      h("span", { class: "words" }, unnumbered(text, citations)), " ",
      citations.map((id) => byId.get(id)).filter(Boolean).map(chip), mark(verified)));
  }
  return block;
}

/** Without the “[2]” that a chip beside it shows already. */
function unnumbered(text, citations) {
  return text.replace(/\s*\[(\d+)\]/g,
    (whole, id) => (citations.includes(Number(id)) ? "" : whole));
}

function sources(citations) {
  if (!citations.length) return null;
  return h("ol", { class: "sources", testid: "sources", "aria-label": t("sources") },
    citations.map((one) => h("li", {}, chip(one), h("div", { class: "grow" },
      h("a", { href: address(one) }, one.document_name),
      ` · ${t("page.one", { first: one.page })} `,
      mark(one.verified), h("q", {}, shortened(one.quote ?? ""))))));
}

const shortened = (quote) => (quote.length > 240 ? `${quote.slice(0, 240)}…` : quote);

function refusal({ answer, searched }) {
  const words = searched && t("refused.searched", { documents: searched.documents,
    passages: searched.passages });
  const best = searched?.best_score != null
    && t("refused.best", { score: number(searched.best_score, { maximumFractionDigits: 2 }) });
  return h("div", { class: "notice warn", testid: "refusal" }, icon("question"),
    h("div", {}, h("strong", {}, t("refused")), answer && h("p", { class: "prose" }, answer),
      searched && h("p", { class: "fine" }, [words, best].filter(Boolean).join(" · "))));
}

function draft({ draft: text }) {
  if (!text) return null;
  return h("details", { class: "draft", testid: "draft" }, h("summary", {}, t("draft")),
    h("p", { class: "fine" }, t("draft.why")), h("p", { class: "prose" }, text));
}

function footnote({ usage, timings, answer, refused }) {
  const words = [];
  if (timings?.first_token_ms) {
    words.push(t("timing.first", { time: duration(timings.first_token_ms / 1000) }));
  }
  if (timings?.total_ms) {
    words.push(t("timing.total", { time: duration(timings.total_ms / 1000) }));
  }
  if (usage?.prompt_tokens) {
    words.push(t("usage", { read: usage.prompt_tokens, reused: usage.cached_tokens ?? 0,
      written: usage.completion_tokens ?? 0 }));
  }
  const copy = answer && !refused ? copyButton(() => answer) : null;
  if (!words.length && !copy) return null;
  return h("div", { class: "footnote" }, h("span", { class: "fine" }, words.join(" · ")), copy);
}
