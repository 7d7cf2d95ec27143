/** What came of a job about several documents: asked for, watched, shown with its evidence. */

import { get, post, url } from "./api.js";
import { comparisonParts } from "./comparison.js";
import { composeForm } from "./compose.js";
import { byId, h } from "./dom.js";
import { digestParts } from "./digest.js";
import { extractionParts } from "./extraction.js";
import { duration, onLanguage, t } from "./i18n.js";
import { cancelJob } from "./jobs.js";
import { stateText } from "./joblist.js";
import { announce, attempt, errorNotice } from "./notices.js";
import { isOpen, on, state, tell } from "./state.js";

const PARTS = { digest: digestParts, compare: comparisonParts, extract: extractionParts };
let asked = null; //: {kind, documents} of the form that is shown
let job = null;
let wanted = null; //: id of the job that is being fetched

export function startResult() {
  on("compose", (wish) => { show(wish, null); tell("pane", "result"); });
  on("result", open);
  on("collection", () => show(null, null));
  on("jobs", () => {
    const fresh = state.jobs.find(({ id }) => id === job?.id);
    if (fresh && isOpen(job)) watch(fresh);
  });
  onLanguage(draw);
}

function show(wish, found) {
  [asked, job] = [wish, found];
  byId("tab-result").hidden = !asked && !job;
  if (!asked && !job && document.body.dataset.work === "result") tell("pane", "jobs");
  draw();
}

/** A job of the list; the list may hold it without its result. */
async function open(one) {
  tell("pane", "result");
  wanted = one.id;
  show(null, one);
  const found = await attempt(() => get(["jobs", one.id]));
  if (found && wanted === one.id) show(null, found);
}

async function begin(body) {
  const begun = await attempt(() => post(["jobs"], body));
  tell("hurry");
  if (begun) show(null, begun);
}

function watch(fresh) {
  const changed = fresh.status !== job.status;
  job = fresh;
  if (changed && job.result) announce(t("result.ready"));
  if (changed) draw();
  else drawProgress();
}

function draw() {
  byId("result-body").replaceChildren(...parts().filter(Boolean));
  drawProgress();
}

function parts() {
  if (asked) {
    return [h("header", { class: "work-head" }, h("h3", {}, t(`do.${asked.kind}`))),
      composeForm(asked.kind, asked.documents, begin)];
  }
  if (!job) return [];
  const { kind, status, error, result } = job;
  return [h("header", { class: "work-head" }, h("h3", {}, t(`kind.${kind}`)), cancelButton()),
    status === "cancelled" && h("p", { class: "fine" }, t("job.cancelled")),
    status === "failed" && errorNotice(error),
    isOpen(job) && h("div", { class: "progress-block", testid: "result-progress" },
      h("progress", { max: 100, "aria-label": t("progress") }), h("p", { class: "meta" })),
    ...(result ? PARTS[kind](result, { ...job, table: (format) => tableOf(job, format) }) : []),
    result && h("p", { class: "fine" },
      t("job.took", { time: duration(job.finished_at - job.started_at) }))];
}

const tableOf = ({ id }, format) => url(["jobs", id, "table"], { format, evidence: true });

const cancelButton = () => isOpen(job) && h("button", { type: "button", testid: "result-cancel",
  disabled: job.status === "cancelling", onclick: () => cancelJob(job.id) }, t("cancel"));

function drawProgress() {
  const block = byId("result-body").querySelector(".progress-block");
  if (!block) return;
  block.firstChild.value = job.progress.percent;
  block.lastChild.textContent = stateText(job);
}
