/** Files on their way in: the picker, drag and drop anywhere, one row per file. */

import { upload } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { number, t } from "./i18n.js";
import { ensureCollection, refreshDocuments } from "./library.js";
import { announce, attempt, errorNotice, toast } from "./notices.js";
import { tell } from "./state.js";

const AT_ONCE = 2;
const waiting = [];
let running = 0;
const byId = (id) => document.getElementById(id);

export function startUploads() {
  const input = byId("files");
  byId("files-button").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  listenForDrops();
}

function listenForDrops() {
  const zone = byId("dropzone");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  const show = (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    zone.hidden = false;
  };
  addEventListener("dragenter", show);
  addEventListener("dragover", show);
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.hidden = true; });
  addEventListener("drop", (event) => {
    zone.hidden = true;
    if (!carriesFiles(event)) return;
    event.preventDefault();
    const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
    const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory).length;
    if (folders) toast(t("upload.folders"));
    take(items.filter((item) => !item.webkitGetAsEntry?.()?.isDirectory)
      .map((item) => item.getAsFile()));
  });
}

/** Each file goes in its own request: one that is refused does not hold back the others. */
async function take(files) {
  if (!files.length) return;
  const collection = await attempt(ensureCollection);
  if (!collection) return;
  waiting.push(...files.map((file) => ({ file, collection, ...uploadRow(file) })));
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    send(waiting.shift()).finally(() => { running -= 1; next(); });
  }
}

function uploadRow(file) {
  const stopper = new AbortController();
  const bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
  const meta = h("div", { class: "meta" }, t("upload.waiting"));
  const close = iconButton("close", t("upload.cancel", { name: file.name }), { onclick: () => {
    stopper.abort();
    row.remove();
  } });
  const row = h("li", { class: "document", testid: "upload-row" }, h("div", { class: "grow" },
    h("span", { class: "name", title: file.name }, file.name), bar, meta), close);
  byId("uploads").append(row);
  return { row, bar, meta, signal: stopper.signal };
}

async function send({ file, collection, row, bar, meta, signal }) {
  if (signal.aborted) return;
  const onProgress = (part) => {
    bar.value = part;
    meta.textContent = part < 1 ? number(part, { style: "percent" }) : t("upload.storing");
  };
  try {
    const { documents } = await upload(collection, file, { onProgress, signal });
    finish(row, bar, meta, documents[0]);
    tell("uploaded");
    await attempt(refreshDocuments);
  } catch (error) {
    if (error.code === "stopped") return;
    bar.remove();
    meta.replaceChildren(errorNotice(error));
    announce(`${file.name}: ${t("status.failed")}`);
  }
}

function finish(row, bar, meta, doc) {
  if (!doc.duplicate) {
    row.remove();
    announce(t("upload.done", { name: doc.name }));
    return;
  }
  bar.remove();
  const text = t("upload.duplicate", { name: doc.name });
  meta.replaceChildren(icon("copy"), text);
  row.dataset.duplicate = "true";
  announce(text);
}
