/** The left pane: the collections and the documents of the chosen one. */

import { get, post, remove } from "./api.js";
import { byId, h, icon, iconButton, keyed, spinner } from "./dom.js";
import { bytes, language, onLanguage, t } from "./i18n.js";
import { askName, attempt, deletionConfirmed, toast, wordsOf } from "./notices.js";
import { pickBox } from "./selection.js";
import { address } from "./spans.js";
import { documentOf, on, state, tell } from "./state.js";

const STORE = "lectern.collection";

export function startLibrary() {
  byId("collection").addEventListener("change", (event) => choose(event.target.value));
  byId("collection-new").addEventListener("click", newCollection);
  byId("collection-delete").addEventListener("click", deleteCollection);
  on("jobs", drawDocuments);
  onLanguage(() => { drawCollections(); drawDocuments(); });
}

/** Load the collections; choose `wanted`, else the one of last time, else the first. */
export async function loadCollections(wanted = localStorage.getItem(STORE)) {
  state.collections = (await get(["collections"])).collections;
  const chosen = state.collections.find(({ id }) => id === wanted) ?? state.collections[0];
  await choose(chosen?.id ?? null);
}

export async function choose(id) {
  Object.assign(state, { collection: id, documents: [], jobs: [] });
  if (id) localStorage.setItem(STORE, id);
  drawCollections();
  tell("collection");
  await refreshDocuments();
}

export async function refreshDocuments() {
  const asked = state.collection;
  const documents = asked ? (await get(["collections", asked, "documents"])).documents : [];
  if (asked !== state.collection) return;
  state.documents = documents;
  drawDocuments();
  tell("documents");
}

/** The document under `id`, from the list or from the service. */
export const findDocument = async (id) => documentOf(id) ?? get(["documents", id]);

/** The chosen collection, or a first one made on the spot, so that a drop is never lost. */
export async function ensureCollection() {
  if (!state.collection) await createCollection(t("collection.first"));
  return state.collection;
}

async function createCollection(name) {
  const created = await post(["collections"], { name });
  await loadCollections(created.id);
}

async function newCollection() {
  const name = await askName(t("collection.new"), t("collection.name"), t("create"));
  if (name) await attempt(() => createCollection(name));
}

async function deleteCollection() {
  const { id, name } = state.collections.find((one) => one.id === state.collection);
  const question = t("collection.delete.ask", { name, count: state.documents.length });
  if (!(await deletionConfirmed(t("collection.delete"), question))) return;
  await attempt(async () => {
    await remove(["collections", id]);
    toast(t("deleted", { name }));
    for (const doc of state.documents) tell("document-gone", doc.id);
    await loadCollections();
  });
}

async function deleteDocument({ id, name }) {
  const question = t("document.delete.ask", { name });
  if (!(await deletionConfirmed(t("document.delete"), question))) return;
  await attempt(async () => {
    await remove(["documents", id]);
    toast(t("deleted", { name }));
    tell("document-gone", id);
    tell("hurry");
    await refreshDocuments();
  });
}

function drawCollections() {
  const options = state.collections.map(({ id, name }) => h("option", { value: id }, name));
  if (!options.length) options.push(h("option", { value: "" }, t("collection.none")));
  byId("collection").replaceChildren(...options);
  byId("collection").value = state.collection ?? "";
  byId("collection-delete").disabled = !state.collection;
  drawIndexHint();
}

/** Whether the chosen collection is of another embedder than the one that is set. */
function drawIndexHint() {
  const { id, index } = state.collections.find((one) => one.id === state.collection) ?? {};
  const hint = byId("index-hint");
  hint.hidden = index?.current !== false || Boolean(index.reindex);
  if (hint.hidden) return;
  hint.replaceChildren(t("index.other", { embedder: index.embedder }), " ",
    h("button", { type: "button", class: "quiet", testid: "reindex", onclick: () => reindex(id) },
      t("reindex")));
}

const reindex = (id) => attempt(async () => {
  await post(["collections", id, "reindex"], {});
  byId("index-hint").hidden = true;
  tell("hurry");
});

function drawDocuments() {
  keyed(byId("documents"), state.documents, (doc) => [doc, language()], documentRow);
  byId("documents-empty").hidden = state.documents.length > 0;
}

function documentRow(doc) {
  const ready = doc.status === "ready";
  const meta = h("div", { class: "meta", testid: "document-status" });
  const name = ready ? h("a", { class: "name", title: doc.name, testid: "document-open",
    href: address({ document_id: doc.id, page: 1 }) }, doc.name)
    : h("span", { class: "name", title: doc.name }, doc.name);
  const summarise = ready && h("button", { type: "button", class: "quiet", testid: "summarise",
    "aria-label": t("summarise.named", { name: doc.name }),
    onclick: () => tell("summarise", doc) }, t("summarise"));
  const ask = ready && iconButton("chat", t("document.ask.named", { name: doc.name }),
    { testid: "ask-document", onclick: () => tell("ask-document", doc) });
  const row = h("li", { class: "document", testid: "document-row", "data-status": doc.status },
    ready ? pickBox(doc) : h("span", { class: "pick" }),
    h("span", { class: "kind", "aria-hidden": "true" }, extension(doc.name)),
    h("div", { class: "grow" }, name, h("div", { class: "second" }, meta, summarise)), ask,
    iconButton("trash", t("document.delete.named", { name: doc.name }),
      { testid: "document-delete", onclick: () => deleteDocument(doc) }));
  if (ready) meta.append(...readyParts(doc.version));
  else if (doc.status === "failed") meta.append(...failedParts(doc.error));
  else row.update = () => meta.replaceChildren(spinner(), waitingText(doc));
  return row;
}

const extension = (name) => (/\.([a-z0-9]{1,4})$/i.exec(name)?.[1] ?? "·").toUpperCase();

function readyParts({ page_count: count, size, empty_pages: empty }) {
  const note = empty.length > 0 && h("span", { class: "warn-text", title: empty.join(", ") },
    ` · ${t("pages.empty", { count: empty.length })}`);
  return [`${t("pages", { count })} · ${bytes(size)}`, note || ""];
}

function failedParts(error) {
  const why = t("status.failed", { why: wordsOf(error) });
  return [icon("warn"), h("span", { class: "bad-text" }, why), " ",
    h("code", { class: "code" }, error.code)];
}

function waitingText({ id, status }) {
  const job = state.jobs.find((one) => one.kind === "read" && one.document_id === id);
  if (job?.waiting?.reason === "no_worker") return t("waiting.no_worker");
  const percent = job?.status === "running" ? ` ${Math.round(job.progress.percent)} %` : "";
  return t(`status.${status}`) + percent;
}
