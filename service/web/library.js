/** The left pane: the collections and the documents of the chosen one. */

import { get, post, remove } from "./api.js";
import { h, icon, iconButton, syncList } from "./dom.js";
import { bytes, language, number, onLanguage, t } from "./i18n.js";
import { askName, attempt, confirmed, toast, wordsOf } from "./notices.js";
import { address } from "./spans.js";
import { documentOf, on, remember, state, tell } from "./state.js";

const STORE = "lectern.collection";
const FILTER_FROM = 8;
const byId = (id) => document.getElementById(id);

export function startLibrary() {
  byId("collection").addEventListener("change", (event) => choose(event.target.value));
  byId("collection-new").addEventListener("click", newCollection);
  byId("collection-delete").addEventListener("click", deleteCollection);
  byId("filter").addEventListener("input", drawDocuments);
  on("jobs", drawDocuments);
  onLanguage(() => { drawCollections(); drawDocuments(); });
}

/** Load the collections; choose `wanted`, else the one of last time, else the first. */
export async function loadCollections(wanted = localStorage.getItem(STORE)) {
  const { collections } = await get(["collections"]);
  state.collections = collections;
  const chosen = collections.find(({ id }) => id === wanted) ?? collections[0];
  drawCollections();
  await choose(chosen?.id ?? null);
}

export async function choose(id) {
  if (id === state.collection && id !== null) return;
  Object.assign(state, { collection: id, documents: [], jobs: [] });
  if (id) localStorage.setItem(STORE, id);
  byId("filter").value = "";
  drawCollections();
  tell("collection", id);
  await refreshDocuments();
}

export async function refreshDocuments() {
  const asked = state.collection;
  const documents = asked ? (await get(["collections", asked, "documents"])).documents : [];
  if (asked !== state.collection) return;
  state.documents = documents;
  documents.forEach(remember);
  drawDocuments();
  tell("documents");
}

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
  const chosen = state.collections.find(({ id }) => id === state.collection);
  if (!chosen) return;
  const question = t("collection.delete.ask", { name: chosen.name, count: state.documents.length });
  if (!(await confirmed(t("collection.delete"), question, t("delete")))) return;
  await attempt(async () => {
    await remove(["collections", chosen.id]);
    toast(t("collection.deleted", { name: chosen.name }));
    for (const { id } of state.documents) tell("document-gone", id);
    state.collection = null;
    await loadCollections(null);
  });
}

async function deleteDocument(doc) {
  const question = t("document.delete.ask", { name: doc.name });
  if (!(await confirmed(t("document.delete"), question, t("delete")))) return;
  await attempt(async () => {
    await remove(["documents", doc.id]);
    toast(t("document.deleted", { name: doc.name }));
    tell("document-gone", doc.id);
    await refreshDocuments();
  });
}

function drawCollections() {
  const options = state.collections.map(({ id, name }) => h("option", { value: id }, name));
  if (!options.length) options.push(h("option", { value: "" }, t("collection.none")));
  byId("collection").replaceChildren(...options);
  byId("collection").value = state.collection ?? "";
  byId("collection-delete").disabled = !state.collection;
}

function drawDocuments() {
  const filter = byId("filter");
  filter.hidden = state.documents.length < FILTER_FROM;
  const wanted = filter.hidden ? "" : filter.value.trim().toLowerCase();
  const shown = state.documents.filter(({ name }) => name.toLowerCase().includes(wanted));
  syncList(byId("documents"), shown, {
    key: ({ id }) => id,
    signature: (doc) => JSON.stringify([doc, language()]),
    render: documentRow,
  });
  const empty = byId("documents-empty");
  empty.hidden = shown.length > 0;
  empty.textContent = t(wanted ? "documents.nomatch" : "documents.empty");
}

function documentRow(doc) {
  const ready = doc.status === "ready";
  const first = address({ document_id: doc.id, page: 1, version_id: doc.version?.id });
  const meta = h("span", { class: "meta", testid: "document-status" });
  const name = ready
    ? h("a", { class: "name", href: first, testid: "document-open", title: doc.name }, doc.name)
    : h("span", { class: "name", title: doc.name }, doc.name);
  const summarise = ready && h("button", { type: "button", class: "quiet", testid: "summarise",
    "aria-label": t("summarise.named", { name: doc.name }),
    onclick: () => tell("summarise", doc) }, t("summarise"));
  const bin = iconButton("trash", t("document.delete.named", { name: doc.name }),
    { testid: "document-delete", onclick: () => deleteDocument(doc) });
  const row = h("li", { class: "document", testid: "document-row", "data-status": doc.status },
    h("span", { class: "kind", "aria-hidden": "true" }, extension(doc.name)),
    h("div", { class: "grow" }, name, h("div", { class: "second" }, meta, summarise)), bin);
  row.update = () => {
    const words = statusParts(doc);
    if (meta.signature === words.key) return;
    meta.signature = words.key;
    meta.replaceChildren(...words.nodes);
  };
  return row;
}

const extension = (name) => (/\.([a-z0-9]{1,4})$/i.exec(name)?.[1] ?? "·").toUpperCase();

/** What the second line says, and a key that tells whether it changed. */
function statusParts(doc) {
  if (doc.status === "ready") return readyParts(doc.version);
  if (doc.status === "failed") {
    const { headline, detail, code } = wordsOf(doc.error ?? {});
    const why = [headline, detail].filter(Boolean).join(" ");
    return { key: why, nodes: [icon("warn"), h("span", { class: "bad-text" },
      t("status.failed.why", { why }), " ", h("code", { class: "code" }, code))] };
  }
  const job = state.jobs.find(({ kind, document_id: id }) => kind === "read" && id === doc.id);
  const percent = job?.status === "running" ? Math.round(job.progress.percent ?? 0) : null;
  const why = job?.waiting?.reason === "no_worker" ? ` · ${t("waiting.no_worker")}` : "";
  const text = percent === null ? t(`status.${doc.status}`) + why
    : `${t("status.reading")} ${percent} %`;
  return { key: text, nodes: [h("span", { class: "spinner" }), text] };
}

function readyParts(version) {
  const parts = [t("pages", { count: version?.page_count ?? 0 }), bytes(version?.size ?? 0)];
  const empty = version?.empty_pages ?? [];
  const note = empty.length && h("span", { class: "warn-text", title: empty.join(", ") },
    ` · ${t("pages.empty", { count: empty.length })}`);
  const key = `${parts}${empty.length}${number(0)}`;
  return { key, nodes: [parts.join(" · "), note].filter(Boolean) };
}

/** The document under `id`, from the list or from the service. */
export async function findDocument(id) {
  return documentOf(id) ?? get(["documents", id]);
}
