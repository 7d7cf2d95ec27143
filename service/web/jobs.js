/** The jobs of the chosen collection, looked at again and again, and what can be done to them. */

import { ApiError, get, post } from "./api.js";
import { refreshDocuments } from "./library.js";
import { attempt } from "./notices.js";
import { isOpen, on, state, tell } from "./state.js";

const BUSY_MS = 1500;
const IDLE_MS = 8000;
let timer = 0;

export function startJobs() {
  on("collection", poll);
  on("hurry", poll);
  document.addEventListener("visibilitychange", poll);
}

const act = (parts, body) => attempt(async () => {
  await post(["jobs", ...parts], body);
  await poll();
});
export const cancelJob = (id) => act([id, "cancel"]);
export const moveToFront = (id) => act([id, "priority"], { front: true });

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  let busy = true;
  try {
    if (state.collection) await refresh();
    busy = state.jobs.some(isOpen);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the header tells that nobody answers
  }
  clearTimeout(timer);
  timer = setTimeout(poll, busy ? BUSY_MS : IDLE_MS);
}

async function refresh() {
  const asked = state.collection;
  const { jobs } = await get(["jobs"], { collection_id: asked });
  if (asked !== state.collection) return;
  const before = new Map(state.jobs.map(({ id, status }) => [id, status]));
  state.jobs = jobs.filter(({ kind }) => kind !== "search" && kind !== "estimate");
  tell("jobs");
  const moved = jobs.some(({ id, status }) => before.get(id) !== status);
  const unfinished = state.documents.some(({ status }) => ["waiting", "reading"].includes(status));
  if (moved || unfinished) await refreshDocuments();
}
