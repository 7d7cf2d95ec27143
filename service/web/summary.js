/** The summary of one document: started, watched section by section, shown with its coverage. */

import { get, post, withResult } from "./api.js";
import { h, icon } from "./dom.js";
import { duration, onLanguage, t } from "./i18n.js";
import { progressText, waitingText } from "./joblist.js";
import { addJob, cancelJob, focusJob } from "./jobs.js";
import { announce, attempt, copyButton, errorNotice } from "./notices.js";
import { sectionTree } from "./sections.js";
import { address, missingPages, rangesText } from "./spans.js";
import { isOpen, on, state, tell } from "./state.js";

const BLANK = { doc: null, job: null, sections: new Map(), loading: false };
let view = { ...BLANK };

export function startSummary() {
  on("summarise", (doc) => attempt(() => open(doc)));
  on("document-gone", (id) => { if (view.doc?.id === id) clear(); });
  on("collection", (id) => { if (view.doc && view.doc.collection_id !== id) clear(); });
  on("job-event", received);
  on("jobs", polled);
  onLanguage(draw);
}

function clear() {
  focusJob(null);
  view = { ...BLANK };
  draw();
}

/** Show the document's summary; the first time, ask for it. */
async function open(doc) {
  tell("pane", "summary");
  if (view.doc?.id === doc.id && view.job && isOpen(view.job)) return;
  view = { ...BLANK, doc, loading: true, sections: new Map() };
  draw();
  const { jobs } = await get(["jobs"], { document_id: doc.id, kind: "summary" });
  if (view.doc !== doc) return;
  const kept = jobs.find(isOpen) ?? jobs.find(({ status }) => status === "succeeded");
  if (kept) await watch(await withResult(kept), doc);
  else if (jobs.length) await watch(jobs[0], doc); // failed or cancelled: say so, offer it again
  else await begin(doc);
}

async function begin(doc) {
  const job = await attempt(() => post(["jobs"], { kind: "summary", document_id: doc.id }));
  if (!job) {
    view.loading = false;
    draw();
    return;
  }
  view.sections = new Map();
  addJob(job);
  await watch(job, doc);
}

async function watch(job, doc) {
  if (view.doc !== doc) return;
  Object.assign(view, { job, loading: false });
  focusJob(isOpen(job) ? job.id : null);
  draw();
}

function received({ id, name, data }) {
  if (id !== view.job?.id) return;
  if (name === "partial") {
    view.sections.set(`${data.level}:${data.ordinal}`, data);
    draw();
  } else if (name === "done" || name === "error") attempt(reload);
}

function polled() {
  const job = state.jobs.find(({ id }) => id === view.job?.id);
  if (!job || !isOpen(view.job)) return;
  if (!isOpen(job)) attempt(reload);
  else {
    const moved = job.status !== view.job.status;
    view.job = job;
    if (moved) draw();
    else drawProgress();
  }
}

async function reload() {
  const { id, status } = view.job;
  const job = await get(["jobs", id]);
  if (view.job?.id !== id || view.job.status !== status) return;
  if (job.status === "succeeded" && isOpen(view.job)) announce(t("summary.ready"));
  await watch(job, view.doc);
}

/** Sections arrive while the reader is among them: the focus goes back to where it was. */
function draw() {
  const body = document.getElementById("summary-body");
  const held = body.contains(document.activeElement) && document.activeElement.dataset;
  body.replaceChildren(...parts());
  drawProgress();
  if (!held) return;
  const [name, value] = held.section ? ["section", held.section] : ["testid", held.testid];
  body.querySelector(`[data-${name}="${CSS.escape(value)}"]`)?.focus({ preventScroll: true });
}

function parts() {
  const { doc, job, loading } = view;
  if (!doc) return [h("p", { class: "hint" }, t("summary.none"))];
  const head = h("header", { class: "work-head" }, h("h3", {}, doc.name), headActions());
  if (loading) return [head, h("p", { class: "hint" }, h("span", { class: "spinner" }))];
  const body = [head];
  if (job?.status === "cancelled") body.push(h("p", { class: "fine" }, t("job.cancelled")));
  else if (job?.error) body.push(errorNotice(job.error));
  if (job && isOpen(job)) body.push(progressBlock());
  if (job?.result) body.push(...resultParts(job.result));
  else if (view.sections.size) body.push(sectionsBlock([...view.sections.values()], true));
  return body;
}

function headActions() {
  const { doc, job, loading } = view;
  if (loading) return null;
  if (job && isOpen(job)) {
    return h("button", { type: "button", testid: "summary-cancel",
      disabled: job.status === "cancelling", onclick: () => cancelJob(job.id) }, t("cancel"));
  }
  const label = job?.result ? t("summary.again") : t("summarise");
  return h("div", { class: "actions" }, job?.result && copyButton(() => job.result.summary),
    h("button", { type: "button", class: job?.result ? "quiet" : "primary",
      testid: "summary-start", onclick: () => begin(doc) }, label));
}

function progressBlock() {
  return h("div", { class: "progress-block", testid: "summary-progress" },
    h("progress", { max: 100, "aria-label": t("progress") }), h("p", { class: "meta" }));
}

function drawProgress() {
  const block = document.querySelector("#summary-body .progress-block");
  if (!block) return;
  const { job } = view;
  if (job.progress?.percent != null) block.firstChild.value = job.progress.percent;
  const text = job.status === "queued" ? waitingText(job) || t("job.queued") : progressText(job);
  block.lastChild.textContent = text || t(`job.${job.status}`);
}

function resultParts(result) {
  const { summary, coverage, sections, timings } = result;
  return [coverage && coverageBlock(coverage),
    h("p", { class: "prose", testid: "summary-text" }, summary),
    timings?.total_ms && h("p", { class: "fine" },
      t("job.took", { time: duration(timings.total_ms / 1000) })),
    sections?.length ? sectionsBlock(sections, false) : null].filter(Boolean);
}

/** Which pages were read, said outright: a summary of a part must never pass for the whole. */
function coverageBlock({ pages_total: total, pages_read: read, pages_empty: empty = [], ...rest }) {
  const skipped = missingPages(total, read, empty);
  const share = rest.characters_total
    ? Math.floor((100 * rest.characters_read) / rest.characters_total) : null;
  const whole = !skipped.length && (share ?? 100) === 100;
  const words = [t("coverage.read", { pages: rangesText(read), total, count: total })];
  if (empty.length) words.push(t("coverage.empty", { pages: empty.join(", ") }));
  words.push(skipped.length ? t("coverage.skipped", { pages: rangesText(skipped) })
    : t("coverage.complete"));
  if (share !== null) {
    words.push(t("coverage.characters", { percent: share, count: rest.characters_total }));
  }
  return h("p", { class: `notice ${whole ? "good" : "warn"}`, testid: "coverage" },
    icon(whole ? "check" : "warn"), h("span", {}, words.join(" · ")));
}

function sectionsBlock(sections, running) {
  const { doc } = view;
  const link = (page) => address({ document_id: doc.id, page, version_id: doc.version?.id });
  return h("section", { class: "sections", testid: "summary-sections" },
    h("h4", {}, t("sections.title", { count: sections.length })),
    sectionTree(sections, { running, link, scope: doc.id }));
}
