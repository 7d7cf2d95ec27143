/**
 * The jobs of the chosen collection, kept fresh: at most three EventSources follow running jobs
 * (a browser has six connections for all of a page), polling sees to the others.
 */

import { ApiError, get, post, url } from "./api.js";
import { refreshDocuments } from "./library.js";
import { attempt } from "./notices.js";
import { isOpen, on, state, tell } from "./state.js";

const BUSY_MS = 2000;
const IDLE_MS = 8000;
const STREAMS = 3;
const FOLLOWED = new Set(["read", "summary"]); // questions are streamed by the chat itself
const streams = new Map();
const refused = new Map(); //: job id → when its stream was refused; polled for a while
let focused = null;
let timer = 0;
let failures = 0;

export function startJobs() {
  on("collection", () => {
    for (const id of [...streams.keys()]) unfollow(id);
    refreshSoon(0);
  });
  on("uploaded", () => refreshSoon(0));
  on("document-gone", () => refreshSoon(0));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) for (const id of [...streams.keys()]) unfollow(id);
    else refreshSoon(0);
  });
}

/** Follow this job's stream before any other's (the summary on the screen); null: none. */
export function focusJob(id) {
  focused = id;
  followSome();
}

/** Show a job that was just asked for without waiting for the next poll. */
export function addJob(job) {
  state.jobs = [job, ...state.jobs.filter(({ id }) => id !== job.id)];
  changed();
  refreshSoon(500);
}

export const cancelJob = (id) => attempt(async () => merge(await post(["jobs", id, "cancel"])));

export const moveToFront = (id) => attempt(async () => {
  merge(await post(["jobs", id, "priority"], { front: true }));
  refreshSoon(0);
});

function merge(job) {
  state.jobs = state.jobs.map((one) => (one.id === job.id ? { ...one, ...job } : one));
  changed();
}

function changed() {
  followSome();
  tell("jobs");
}

function refreshSoon(delay) {
  clearTimeout(timer);
  timer = setTimeout(poll, delay);
}

async function poll() {
  if (document.hidden) return;
  try {
    if (state.collection) await refresh();
    failures = 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failures += 1; // the header says that the connection is lost; a toast every 2 s would not help
  }
  const busy = state.jobs.some(isOpen) || failures > 0;
  refreshSoon((busy ? BUSY_MS : IDLE_MS) * Math.min(1 + failures, 5));
}

async function refresh() {
  const asked = state.collection;
  const { jobs } = await get(["jobs"], { collection_id: asked, limit: 100 });
  if (asked !== state.collection) return;
  const before = new Map(state.jobs.map(({ id, status }) => [id, status]));
  state.jobs = jobs.filter(({ kind }) => kind !== "search");
  changed();
  const moved = state.jobs.some(({ id, status }) => before.get(id) !== status);
  const unfinished = state.documents.some(({ status }) => ["waiting", "reading"].includes(status));
  if (moved || unfinished) await refreshDocuments();
}

function followSome() {
  if (document.hidden) return;
  const mayFollow = (job) => FOLLOWED.has(job.kind) && isOpen(job)
    && (job.status !== "queued" || job.id === focused)
    && Date.now() - (refused.get(job.id) ?? 0) > 10 * BUSY_MS;
  const wanted = state.jobs.filter(mayFollow)
    .sort((a, b) => (b.id === focused) - (a.id === focused)
      || streams.has(b.id) - streams.has(a.id))
    .slice(0, STREAMS)
    .map(({ id }) => id);
  for (const id of [...streams.keys()]) if (!wanted.includes(id)) unfollow(id);
  for (const id of wanted) if (!streams.has(id)) follow(id);
}

function follow(id) {
  const source = new EventSource(url(["jobs", id, "events"]));
  streams.set(id, source);
  for (const name of ["progress", "partial", "done", "error"]) {
    source.addEventListener(name, (event) => {
      if (event.data !== undefined) received(id, name, JSON.parse(event.data));
      else if (source.readyState === EventSource.CLOSED) {
        refused.set(id, Date.now());
        unfollow(id);
      }
    });
  }
}

function unfollow(id) {
  streams.get(id)?.close();
  streams.delete(id);
}

function received(id, name, data) {
  const job = state.jobs.find((one) => one.id === id);
  if (name === "progress" && job) {
    job.progress = data;
    if (job.status === "queued") job.status = "running";
    tell("jobs");
  }
  if (name === "done" || name === "error") {
    unfollow(id);
    refused.set(id, Date.now()); // it is over; the listing may not know it yet
    refreshSoon(0);
  }
  tell("job-event", { id, name, data });
}
