/** The summary of one document: started, watched section by section, shown with its coverage. */

import { get, post, url } from "./api.js";
import { byId, h, icon, spinner } from "./dom.js";
import { duration, number, onLanguage, t } from "./i18n.js";
import { cancelJob } from "./jobs.js";
import { stateText } from "./joblist.js";
import { announce, attempt, errorNotice } from "./notices.js";
import { address } from "./spans.js";
import { isOpen, on, state, tell } from "./state.js";

let doc = null;
let job = null; //: null while it is not known yet
let sections = []; //: of the finished job, or those that have come so far
let source = null; //: EventSource of the open job
let offer = null; //: what a summary would take, before one is asked for

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
  [doc, job, sections, source, offer] = [chosen, null, [], null, null];
  draw();
}

/** Show the document's summary; the first time, say what it would take. */
async function open(chosen) {
  tell("pane", "summary");
  if (doc?.id === chosen.id && job && isOpen(job)) return;
  show(chosen);
  const found = await attempt(() => get(["jobs"], { document_id: chosen.id, kind: "summary" }));
  if (doc !== chosen || !found) return;
  const kept = found.jobs.find((one) => isOpen(one) || one.result) ?? found.jobs[0];
  if (kept) watch(kept);
  else await propose();
}

async function propose() {
  const asked = doc;
  const wanted = { kind: "summary", document_id: asked.id, dry_run: true };
  const estimate = await attempt(() => post(["jobs"], wanted));
  if (doc !== asked || job) return;
  offer = estimate ?? {};
  draw();
  byId("summary-body").querySelector("[data-testid=summary-start]")?.focus();
}

async function begin() {
  const asked = doc;
  const begun = await attempt(() => post(["jobs"], { kind: "summary", document_id: asked.id }));
  tell("hurry");
  if (!begun || doc !== asked) return;
  show(asked);
  watch(begun);
}

function watch(fresh) {
  const before = job?.status;
  job = fresh;
  if (!isOpen(job)) source?.close();
  else if (!source) follow(job.id);
  if (job.result) sections = job.result.sections;
  if (before && before !== job.status && job.result) announce(t("summary.ready"));
  if (before === job.status) drawProgress();
  else draw();
}

/** Sections come as they are written; the stream begins with those that were there before. */
function follow(id) {
  source = new EventSource(url(["jobs", id, "events"]));
  source.addEventListener("progress", ({ data }) => {
    job.progress = JSON.parse(data);
    drawProgress();
  });
  source.addEventListener("partial", ({ data }) => {
    const section = JSON.parse(data);
    sections = [...sections.filter((one) => keyOf(one) !== keyOf(section)), section];
    drawSections();
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
  drawSections();
}

function parts() {
  if (!doc) return [h("p", { class: "hint" }, t("summary.none"))];
  const head = h("header", { class: "work-head" }, h("h3", {}, doc.name), action());
  if (!job) return [head, offer ? offerBlock(offer) : h("p", { class: "hint" }, spinner())];
  const { result, error, status } = job;
  return [head,
    status === "cancelled" && h("p", { class: "fine" }, t("job.cancelled")),
    status === "failed" && errorNotice(error),
    isOpen(job) && h("div", { class: "progress-block", testid: "summary-progress" },
      h("progress", { max: 100, "aria-label": t("progress") }), h("p", { class: "meta" })),
    result && coverageBlock(result.coverage),
    result && h("p", { class: "prose", testid: "summary-text" }, result.summary),
    result && h("p", { class: "fine" },
      t("job.took", { time: duration(job.finished_at - job.started_at) })),
    h("section", { class: "sections", testid: "summary-sections" })];
}

function offerBlock({ p50, p90, steps, kept, prompt_tokens: read, written_tokens: written }) {
  if (!steps) return null;
  const words = [t("offer.time", { likely: duration(p50), safe: duration(p90) }),
    t("offer.size", { count: steps, read: number(read), written: number(written) }),
    kept && t("offer.kept", { count: kept })];
  return h("p", { class: "notice", testid: "summary-offer" }, icon("jobs"),
    h("span", {}, words.filter(Boolean).join(" ")));
}

function action() {
  if (!job && !offer) return null;
  if (job && isOpen(job)) {
    return h("button", { type: "button", testid: "summary-cancel",
      disabled: job.status === "cancelling", onclick: () => cancelJob(job.id) }, t("cancel"));
  }
  return h("button", { type: "button", class: job?.result ? "quiet" : "primary",
    testid: "summary-start", onclick: begin }, t(job?.result ? "summary.again" : "summarise"));
}

function drawProgress() {
  const block = byId("summary-body").querySelector(".progress-block");
  if (!block) return;
  block.firstChild.value = job.progress.percent;
  block.lastChild.textContent = stateText(job);
}

/** Which pages were read, said outright: a summary of a part must never pass for the whole. */
function coverageBlock({ pages_total: total, pages_read: read, pages_empty: empty, ...characters }) {
  const pages = read.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
  const share = Math.floor((100 * characters.characters_read) / characters.characters_total);
  const covered = read.reduce((sum, [a, b]) => sum + b - a + 1, empty.length);
  const whole = share === 100 && covered >= total;
  const words = [t("coverage.read", { pages, total, count: total }),
    empty.length && t("coverage.empty", { pages: empty.join(", ") }),
    t("coverage.characters", { percent: share, count: characters.characters_total })];
  return h("p", { class: `notice ${whole ? "good" : "warn"}`, testid: "coverage" },
    icon(whole ? "check" : "warn"), h("span", {}, words.filter(Boolean).join(" · ")));
}

const keyOf = ({ level, ordinal }) => `${level}.${ordinal}`;

/** The sections of the document in its order; merges of them (level 1 and up) are steps between. */
function drawSections() {
  const box = byId("summary-body").querySelector(".sections");
  const leaves = sections.filter(({ level }) => level === 0).sort((a, b) => a.ordinal - b.ordinal);
  if (!box || !leaves.length) return;
  const closed = new Set([...box.querySelectorAll("details:not([open])")]
    .map(({ dataset }) => dataset.section));
  box.replaceChildren(h("h4", {}, t("sections.title", { count: leaves.length })),
    ...leaves.map((section) => sectionNode(section, !closed.has(keyOf(section)))));
}

function sectionNode(section, opened) {
  const { title, pages: [first, last], text, reused } = section;
  const pages = t(first === last ? "page.one" : "page.range", { first, last });
  const link = address({ document_id: doc.id, page: first });
  return h("details", { open: opened, testid: "summary-section", "data-section": keyOf(section) },
    h("summary", {}, title || pages,
      reused && h("span", { class: "tag", title: t("reused.why") }, t("reused"))),
    h("p", { class: "prose" }, text), h("a", { href: link, class: "fine" }, pages));
}
