/** The summaries of one document: asked for, watched part by part, shown with their proof. */

import { get, post, url } from "./api.js";
import { byId, h, icon, spinner } from "./dom.js";
import { duration, moment, number, onLanguage, t } from "./i18n.js";
import { cancelJob } from "./jobs.js";
import { stateText } from "./joblist.js";
import { announce, attempt, errorNotice } from "./notices.js";
import { prose, verdict } from "./sentences.js";
import { isOpen, on, state, tell } from "./state.js";
import { drawTree, thoughtBlock, withNode } from "./tree.js";
import { wishForm } from "./wish.js";

let doc = null;
let job = null; //: null while none is chosen
let kept = null; //: the jobs there are, newest first; null while it is not known yet
let nodes = []; //: of the finished job, or those that have come so far
let source = null; //: EventSource of the open job

export function startSummary() {
  on("summarise", open);
  on("document-gone", (id) => { if (doc?.id === id) show(null); });
  on("collection", () => show(null));
  on("jobs", () => {
    const fresh = state.jobs.find(({ id }) => id === job?.id);
    if (fresh && isOpen(job)) watch(fresh);
  });
  onLanguage(draw);
}

function show(chosen) {
  source?.close();
  [doc, job, kept, nodes, source] = [chosen, null, null, [], null];
  draw();
}

/** Show the document's latest summary; the first time, ask how one is wanted. */
async function open(chosen) {
  tell("pane", "summary");
  if (doc?.id === chosen.id && job && isOpen(job)) return;
  show(chosen);
  const found = await attempt(() => get(["jobs"], { document_id: chosen.id, kind: "summary" }));
  if (doc !== chosen || !found) return;
  kept = found.jobs.filter((one) => isOpen(one) || one.result);
  if (kept.length) choose(kept[0]);
  else draw();
}

/** Look at one of the summaries; `null` asks for another. */
function choose(one) {
  source?.close();
  [job, nodes, source] = [null, [], null];
  if (one) watch(one);
  else draw();
  byId("summary-body").querySelector("form select")?.focus();
}

async function begin(wish) {
  const asked = doc;
  const begun = await attempt(() => post(["jobs"], { kind: "summary", ...wish }));
  tell("hurry");
  if (!begun || doc !== asked) return;
  kept = [begun, ...kept];
  choose(begun);
}

function watch(fresh) {
  const before = job?.id === fresh.id ? job.status : null;
  job = fresh;
  kept = kept.map((one) => (one.id === fresh.id ? fresh : one));
  if (!isOpen(job)) source?.close();
  else if (!source) follow(job.id);
  if (job.result) nodes = job.result.sections;
  if (before && before !== job.status && job.result) announce(t("summary.ready"));
  if (before === job.status) drawProgress();
  else draw();
}

/** Parts come as they are written; the stream begins with those that were there before. */
function follow(id) {
  source = new EventSource(url(["jobs", id, "events"]));
  source.addEventListener("progress", ({ data }) => {
    job.progress = JSON.parse(data);
    drawProgress();
  });
  source.addEventListener("partial", ({ data }) => {
    nodes = withNode(nodes, JSON.parse(data));
    drawParts();
  });
  for (const name of ["done", "error"]) {
    source.addEventListener(name, ({ data }) => {
      if (data === undefined) return; // the connection broke; the browser makes another
      source.close();
      tell("hurry");
    });
  }
}

function draw() {
  byId("summary-body").replaceChildren(...parts().filter(Boolean));
  drawProgress();
  drawParts();
}

function parts() {
  if (!doc) return [h("p", { class: "hint" }, t("summary.none"))];
  const head = h("header", { class: "work-head" }, h("h3", {}, doc.name), action());
  if (!kept) return [head, h("p", { class: "hint" }, spinner())];
  if (!job) return [head, choices(), wishForm({ document_id: doc.id }, begin)];
  const { result, error, status } = job;
  return [head, choices(),
    status === "cancelled" && h("p", { class: "fine" }, t("job.cancelled")),
    status === "failed" && errorNotice(error),
    isOpen(job) && h("div", { class: "progress-block", testid: "summary-progress" },
      h("progress", { max: 100, "aria-label": t("progress") }), h("p", { class: "meta" })),
    ...(result ? resultParts(result) : []),
    h("section", { class: "sections", testid: "summary-sections" })];
}

function resultParts(result) {
  const { summary, sentences, citations, thought, coverage, form, length } = result;
  return [coverageBlock(coverage),
    h("div", { testid: "summary-text" }, prose(summary, sentences, citations)),
    verdict(sentences), thoughtBlock(thought),
    h("p", { class: "fine", testid: "summary-facts" }, facts(result).join(" · "))];
}

function facts({ form, length, saved }) {
  return [t(`style.${form.style}`), t("length.has", { length, wanted: form.length }),
    t("job.took", { time: duration(job.finished_at - job.started_at) }),
    saved.steps && t("saved", { count: saved.steps, time: duration(saved.model_ms / 1000) }),
  ].filter(Boolean);
}

/** The summaries there are: another style is another summary. */
function choices() {
  if (!kept.length || (kept.length === 1 && job)) return null;
  return h("nav", { class: "choices", testid: "summary-choices", "aria-label": t("summaries") },
    kept.map((one) => h("button", { type: "button", class: "quiet",
      "aria-current": String(one.id === job?.id), title: moment(one.created_at),
      onclick: () => choose(one) }, t(`style.${one.params.form?.style ?? "standard"}`))));
}

function action() {
  if (!job) return null;
  if (isOpen(job)) {
    return h("button", { type: "button", testid: "summary-cancel",
      disabled: job.status === "cancelling", onclick: () => cancelJob(job.id) }, t("cancel"));
  }
  return h("button", { type: "button", class: "quiet", testid: "summary-again",
    onclick: () => choose(null) }, t("summary.again"));
}

function drawProgress() {
  const block = byId("summary-body").querySelector(".progress-block");
  if (!block) return;
  block.firstChild.value = job.progress.percent;
  block.lastChild.textContent = stateText(job);
}

function drawParts() {
  const box = byId("summary-body").querySelector(".sections");
  if (box) drawTree(box, nodes, job?.result?.citations ?? []);
}

/** Which pages were read, said outright: a summary of a part must never pass for the whole. */
function coverageBlock({ pages_total: total, pages_read: read, pages_empty: empty,
  pages_ocr: ocr = [], ...characters }) {
  const pages = read.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
  const running = characters.characters_running ?? 0;
  const own = characters.characters_total - running;
  const share = Math.floor((100 * characters.characters_read) / own);
  const covered = read.reduce((sum, [a, b]) => sum + b - a + 1, empty.length);
  const whole = share === 100 && covered >= total;
  const words = [t("coverage.read", { pages, total, count: total }),
    empty.length && t("coverage.empty", { pages: empty.join(", ") }),
    ocr.length && t("coverage.ocr", { pages: ocr.join(", ") }),
    t("coverage.characters", { percent: share, count: own }),
    running && t("coverage.running")];
  return h("p", { class: `notice ${whole ? "good" : "warn"}`, testid: "coverage" },
    icon(whole ? "check" : "warn"), h("span", {}, words.filter(Boolean).join(" · ")));
}
