/** The list of jobs: what runs, what waits and why, what came of it. */

import { serverNow } from "./api.js";
import { byId, h, icon, keyed } from "./dom.js";
import { duration, known, language, moment, number, onLanguage, t } from "./i18n.js";
import { cancelJob, moveToFront } from "./jobs.js";
import { errorNotice } from "./notices.js";
import { address } from "./spans.js";
import { documentOf, isOpen, on, state, tell } from "./state.js";

const SEVERAL = ["digest", "compare", "extract"];
const ETA_FROM_PERCENT = 15; // several steps run at once: the first to end says little

export function startJobList() {
  on("jobs", draw);
  on("documents", draw);
  on("collection", draw);
  onLanguage(draw);
}

function draw() {
  keyed(byId("job-list"), state.jobs, (job) => [job.status, subject(job),
    documentOf(job.document_id)?.status, job.error, job.waiting?.reason, language()], jobRow);
  byId("jobs-empty").hidden = state.jobs.length > 0;
  const open = state.jobs.filter(isOpen).length;
  for (const el of document.querySelectorAll("[data-count]")) {
    el.textContent = open ? number(open) : "";
  }
}

const subject = ({ params, document_id: id }) => params.question ?? documentOf(id)?.name
  ?? (params.versions ?? []).map(([one]) => documentOf(one)?.name).filter(Boolean).join(", ");

function jobRow(job) {
  const bar = h("progress", { max: 100, "aria-label": t("progress") });
  const line = h("div", { class: "meta grow", testid: "job-stage" });
  const row = h("li", { class: "job", testid: "job-row", "data-status": job.status,
    "data-kind": job.kind },
  h("div", { class: "job-head" }, h("strong", {}, t(`kind.${job.kind}`)),
    h("span", { class: "grow subject", title: subject(job) }, subject(job)),
    h("span", { class: `state ${job.status}`, testid: "job-status" },
      job.status === "succeeded" && icon("check"), job.status === "failed" && icon("warn"),
      t(`job.${job.status}`))),
  isOpen(job) && job.status !== "queued" && bar,
  h("div", { class: "job-head" }, line, actions(job)),
  job.status === "failed" && job.error && errorNotice(job.error));
  row.update = (fresh) => {
    bar.value = fresh.progress.percent;
    line.textContent = isOpen(fresh) ? stateText(fresh) : endText(fresh);
  };
  return row;
}

function actions(job) {
  const button = (key, testid, onclick, disabled = false) => h("button", { type: "button",
    class: "quiet", testid, disabled, onclick, "aria-label":
      `${t(key)}: ${t(`kind.${job.kind}`)} ${subject(job)}` }, t(key));
  const doc = documentOf(job.document_id);
  const show = job.kind === "question" ? () => tell("converse", job.params.conversation_id)
    : SEVERAL.includes(job.kind) ? () => tell("result", job) : doc?.status === "ready" && { summary: () => tell("summarise", doc),
      read: () => { location.hash = address({ document_id: doc.id, page: 1 }); } }[job.kind];
  return [
    (job.status === "queued" || job.waiting)
      && button("job.front", "job-front", () => moveToFront(job.id)),
    isOpen(job) && job.kind !== "delete" && button("cancel", "job-cancel",
      () => cancelJob(job.id), job.status === "cancelling"),
    show && button("show", "job-show", show),
  ];
}

function endText({ started_at: began, finished_at: ended }) {
  const took = began && t("job.took", { time: duration(ended - began) });
  return [moment(ended), took].filter(Boolean).join(" · ");
}

/** What an open job does, or why it waits. */
export function stateText(job) {
  const { waiting, progress: { done, total, stage } } = job;
  if (waiting) {
    const place = t(`waiting.${waiting.reason}`, { position: waiting.position,
      lane: t(`lane.${job.lane}`) });
    const soon = waiting.starts_in && t("waiting.starts", { time: duration(waiting.starts_in) });
    return [place, soon].filter(Boolean).join(" · ");
  }
  const left = remaining(job);
  return [stageText(stage), total > 2 && t("progress.of", { done, total }),
    left && t("progress.left", { time: duration(Math.ceil(left)) })].filter(Boolean).join(" · ");
}

/** The workers' word for what they do; “page 12” while a file is being read. */
export function stageText(stage) {
  const [word, page] = stage.split(" ");
  return known(`stage.${word}`) ? t(`stage.${word}`, { page }) : stage;
}

/** Seconds left: as estimated, or if the rest goes as what is done; null when it is too early. */
function remaining({ status, estimate, started_at: began, progress: { percent } }) {
  if (status === "running" && estimate?.remaining != null) return estimate.remaining;
  if (status !== "running" || percent < ETA_FROM_PERCENT || percent >= 100) return null;
  return ((serverNow() - began) * (100 - percent)) / percent;
}
