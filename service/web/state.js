/** What the parts of the page share, and the bus they tell each other about it. */

export const state = {
  collections: [],
  collection: null, //: id of the chosen one
  documents: [], //: of the chosen collection
  jobs: [], //: of the chosen collection, newest first
};

const bus = new EventTarget();

/**
 * Topics: collection (another is chosen) · documents, jobs (the lists changed) · hurry (something
 * was asked for: look at once) · pane (show it) · summarise, ask-document (document) · converse
 * (conversation's id) · document-gone (id) · compose ({kind, documents}: ask how it is wanted) ·
 * result (job)
 */
export function tell(topic, detail) {
  bus.dispatchEvent(new CustomEvent(topic, { detail }));
}

export const on = (topic, listener) => bus.addEventListener(topic, (e) => listener(e.detail));

export const documentOf = (id) => state.documents.find((one) => one.id === id);

export const isOpen = (job) => ["queued", "running", "cancelling"].includes(job.status);
