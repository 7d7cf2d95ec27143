/** Files on their way in: the picker, drag and drop anywhere, one row per file. */

import { ApiError, upload } from "./api.js";
import { byId, h, iconButton } from "./dom.js";
import { number, t } from "./i18n.js";
import { ensureCollection, refreshDocuments } from "./library.js";
import { announce, attempt, errorNotice, toast, wordsOf } from "./notices.js";
import { tell } from "./state.js";

export function startUploads() {
  const input = byId("files");
  byId("files-button").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) addEventListener(kind, dragged);
}

function dragged(event) {
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  const left = event.type === "dragleave" && !event.relatedTarget;
  byId("dropzone").hidden = left || event.type === "drop";
  if (event.type !== "drop") return;
  const items = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
  const files = items.filter((item) => !item.webkitGetAsEntry()?.isDirectory);
  if (files.length < items.length) toast(t("upload.folders"));
  take(files.map((item) => item.getAsFile()));
}

/** Each file goes in its own request: one that is refused does not hold back the others. */
async function take(files) {
  const collection = files.length && await attempt(ensureCollection);
  if (!collection) return;
  const rows = files.map(uploadRow);
  for (const [place, file] of files.entries()) await send(collection, file, rows[place]);
}

function uploadRow(file) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": file.name });
  const meta = h("div", { class: "meta" }, t("upload.waiting"));
  const close = iconButton("close", t("upload.dismiss", { name: file.name }),
    { hidden: true, onclick: () => row.remove() });
  const row = h("li", { class: "document", testid: "upload-row" }, h("div", { class: "grow" },
    h("span", { class: "name", title: file.name }, file.name), bar, meta), close);
  byId("uploads").append(row);
  const settle = (content) => {
    bar.remove();
    meta.replaceChildren(content);
    close.hidden = false;
  };
  return { row, bar, meta, settle };
}

async function send(collection, file, { row, bar, meta, settle }) {
  try {
    const { documents: [doc] } = await upload(collection, file, (part) => {
      bar.value = part;
      meta.textContent = part < 1 ? number(part, { style: "percent" }) : t("upload.storing");
    });
    if (doc.duplicate) settle(t("upload.duplicate", { name: doc.name }));
    else row.remove();
    announce(t(doc.duplicate ? "upload.duplicate" : "upload.done", { name: doc.name }));
    tell("hurry");
    await attempt(refreshDocuments);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    settle(errorNotice(error));
    announce(`${file.name}: ${wordsOf(error)}`);
  }
}
