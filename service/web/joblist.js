/** The list of jobs: what runs, what waits and why, what came of it. */

import { serverNow } from "./api.js";
import { h, icon, syncList } from "./dom.js";
import { duration, known, language, moment, number, onLanguage, t } from "./i18n.js";
import { cancelJob, moveToFront } from "./jobs.js";
import { announce, errorNotice } from "./notices.js";
import { address } from "./spans.js";
import { documentOf, isOpen, nameOf, on, state, tell } from "./state.js";

const ETA_FROM_PERCENT = 5;
const ETA_FROM_SECONDS = 3;
let open = 0;

export function startJobList() {
  on("jobs", draw);
  on("documents", draw);
  on("collection", draw);
  onLanguage(draw);
}

/** What a stage, a lane or a reason is called, or the service's own word for it. */
export const wordFor = (group, word) => (known(`${group}.${word}`) ? t(`${group}.${word}`) : word);

function draw() {
  const list = document.getElementById("job-list");
  syncList(list, state.jobs, {
    key: ({ id }) => id,
    signature: (job) => JSON.stringify([job.status, job.waiting, job.error, subject(job),
      Boolean(documentOf(job.document_id)), language()]),
    render: jobRow,
  });
  document.getElementById("jobs-empty").hidden = state.jobs.length > 0;
  const now = state.jobs.filter(isOpen).length;
  for (const el of document.querySelectorAll("[data-count]")) {
    el.textContent = now ? number(now) : "";
    el.title = now ? t("jobs.open", { count: now }) : "";
  }
  if (open && !now) announce(t("jobs.alldone"));
  open = now;
}

function subject(job) {
  if (job.kind === "question") return job.params?.question ?? "";
  return nameOf(job.document_id) ?? job.params?.name ?? "";
}

function jobRow(job) {
  const bar = h("progress", { max: 100, "aria-label": t("progress") });
  const line = h("div", { class: "meta", testid: "job-stage" });
  const row = h("li", { class: "job", testid: "job-row", "data-status": job.status,
    "data-kind": job.kind },
    h("div", { class: "job-head" },
      h("strong", {}, wordFor("kind", job.kind)),
      h("span", { class: "grow subject" }, subject(job)),
      h("span", { class: `state ${job.status}`, testid: "job-status" },
        job.status === "succeeded" && icon("check"), job.status === "failed" && icon("warn"),
        wordFor("job", job.status))),
    isOpen(job) && job.status !== "queued" && bar, line,
    job.status === "failed" && job.error && errorNotice(job.error), actions(job));
  row.update = (fresh) => {
    if (isOpen(fresh) && fresh.progress?.percent != null) bar.value = fresh.progress.percent;
    const text = lineOf(fresh);
    if (line.textContent !== text) line.textContent = text;
  };
  return row;
}

function actions(job) {
  const named = (key) => `${t(key)}: ${wordFor("kind", job.kind)} ${subject(job)}`;
  const button = (key, testid, onclick, props = {}) => h("button", { type: "button",
    class: "quiet", testid, "aria-label": named(key), onclick, ...props }, t(key));
  const doc = documentOf(job.document_id);
  const buttons = [];
  if (job.status === "queued") {
    buttons.push(button("job.front", "job-front", () => moveToFront(job.id)));
  }
  if (isOpen(job) && job.kind !== "delete") {
    buttons.push(button("cancel", "job-cancel", () => cancelJob(job.id),
      { disabled: job.status === "cancelling" }));
  }
  if (job.kind === "summary" && doc) {
    buttons.push(button("show", "job-show", () => tell("summarise", doc)));
  }
  if (job.kind === "read" && job.status === "succeeded" && doc) {
    const href = address({ document_id: doc.id, page: 1, version_id: doc.version?.id });
    buttons.push(h("a", { class: "quiet button", href, "aria-label": named("show") }, t("show")));
  }
  return buttons.length ? h("div", { class: "actions" }, buttons) : null;
}

/** The second line: why it waits, or how far it is, or when it ended and how long it took. */
function lineOf(job) {
  if (job.status === "queued") return waitingText(job) || t("job.queued");
  if (isOpen(job)) return progressText(job);
  const took = job.started_at && job.finished_at
    ? t("job.took", { time: duration(job.finished_at - job.started_at) }) : "";
  return [moment(job.finished_at ?? job.created_at), took].filter(Boolean).join(" · ");
}

export function waitingText(job) {
  if (!job.waiting) return "";
  const { reason, position, message } = job.waiting;
  if (reason === "queued") {
    return t("waiting.queued", { position, lane: wordFor("lane", job.lane) });
  }
  return known(`waiting.${reason}`) ? t(`waiting.${reason}`) : message;
}

export function progressText(job) {
  const { percent, done, total, stage } = job.progress ?? {};
  const parts = [stage && wordFor("stage", stage)];
  if (total > 1) parts.push(t("progress.of", { done, total }));
  if (percent != null) parts.push(`${Math.round(percent)} %`);
  const left = remaining(job);
  if (left !== null) parts.push(t("progress.left", { time: duration(Math.ceil(left)) }));
  return parts.filter(Boolean).join(" · ");
}

/** Seconds left if the rest goes as the part that is done, or null when it is too early to say. */
function remaining({ status, started_at: began, progress }) {
  const percent = progress?.percent ?? 0;
  const spent = serverNow() - (began ?? Infinity);
  if (status !== "running" || percent < ETA_FROM_PERCENT || percent >= 100
    || spent < ETA_FROM_SECONDS) return null;
  return (spent * (100 - percent)) / percent;
}
