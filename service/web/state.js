/** What the parts of the page share, and the bus they tell each other about it. */

export const state = {
  collections: [],
  collection: null, //: id of the chosen one
  documents: [], //: of the chosen collection
  jobs: [], //: of the chosen collection, newest first
};

const bus = new EventTarget();
const names = new Map();

/**
 * Topics: collection (chosen) · collections · documents · jobs (lists changed) · pane (show it) ·
 * job-event {id, name, data} · summarise (document) · document-gone (id)
 */
export function tell(topic, detail) {
  bus.dispatchEvent(new CustomEvent(topic, { detail }));
}

export const on = (topic, listener) => bus.addEventListener(topic, (e) => listener(e.detail));

export const documentOf = (id) => state.documents.find((one) => one.id === id);

/** Names outlive their documents here, for jobs that deleted them. */
export const remember = (doc) => names.set(doc.id, doc.name);
export const nameOf = (id) => names.get(id);

export const isOpen = (job) => ["queued", "running", "cancelling"].includes(job.status);
