/** The source: one page's text or picture with the cited words marked. */

import { ApiError, get, url } from "./api.js";
import { h, icon, iconButton, svg } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { findDocument } from "./library.js";
import { errorNotice } from "./notices.js";
import { address, cut, spanOf } from "./spans.js";
import { on, tell } from "./state.js";

const STORE = "lectern.picture";
const PICTURE_WIDTH = 1000;
const root = document.getElementById("source");
let shown = null; //: {span} while it loads, then {span, doc, page} or {span, error}
let picture = localStorage.getItem(STORE) === "yes";
const noPicture = new Set(); //: documents that turned out to have none
let opener = null;

export function startViewer() {
  on("document-gone", (id) => { if (shown?.span.document_id === id) leave(); });
  onLanguage(draw);
}

/** Open the span that the address names; false when it names none. */
export async function openAddress(hash) {
  const span = spanOf(hash);
  if (!span) return false;
  if (!root.contains(document.activeElement)) opener = document.activeElement;
  const mine = { span };
  shown = mine;
  try {
    const { document_id: id, page, version_id } = span;
    const [doc, text] = await Promise.all([findDocument(id),
      get(["documents", id, "pages", String(page)], { version_id })]);
    if (shown === mine) shown = { span, doc, page: text };
    else return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (shown !== mine) return true;
    shown = { span, error };
  }
  tell("pane", "source");
  draw();
  focusSpan();
  return true;
}

function leave() {
  if (!shown) return;
  shown = null;
  history.replaceState(null, "", location.pathname);
  draw();
}

/** Go back to where the source was opened from. */
export function closeSource() {
  leave();
  tell("pane", "back");
  if (opener?.isConnected) opener.focus();
}

function draw() {
  const title = shown?.doc?.name ?? t("source");
  const head = h("div", { class: "pane-head" },
    h("h2", { id: "source-title", tabIndex: -1, class: "name", title }, title),
    shown && iconButton("close", t("source.close"),
      { testid: "source-close", onclick: closeSource }));
  document.body.dataset.source = shown ? "open" : "closed";
  if (!shown) root.replaceChildren(head, h("p", { class: "hint" }, t("source.hint")));
  else if (shown.error) root.replaceChildren(head, errorNotice(shown.error));
  else if (shown.page) root.replaceChildren(head, toolbar(), ...notes(), content());
}

const isPicture = () => picture && mayPicture();
const mayPicture = () => shown.doc.media_type === "application/pdf"
  && !noPicture.has(shown.doc.id);

function toolbar() {
  const { page: { page, page_count: count }, doc } = shown;
  const turn = (name, key, testid, target) => iconButton(name, t(key), { testid,
    disabled: target < 1 || target > count, onclick: () => goTo(target) });
  const input = h("input", { type: "text", inputmode: "numeric", value: String(page), size: 3,
    "aria-label": t("page.number"), testid: "source-page-number",
    onchange: () => goTo(Number(input.value)) });
  const toggle = mayPicture() && h("button", { type: "button", class: "quiet",
    testid: "source-toggle", onclick: flip }, t(picture ? "source.text" : "source.picture"));
  return h("div", { class: "toolbar" }, turn("left", "page.previous", "page-previous", page - 1),
    input, h("span", { class: "fine" }, t("page.count", { count })),
    turn("right", "page.next", "page-next", page + 1), h("span", { class: "grow" }), toggle,
    h("a", { class: "icon button", href: url(["documents", doc.id, "content"]), download: doc.name,
      "aria-label": t("source.original"), title: t("source.original"), testid: "source-original" },
    icon("download")));
}

function goTo(page) {
  const { page: { page_count: count }, span } = shown;
  if (!Number.isInteger(page) || page < 1 || page > count) return draw();
  location.hash = address({ document_id: span.document_id, version_id: span.version_id, page });
  return undefined;
}

function flip() {
  picture = !picture;
  localStorage.setItem(STORE, picture ? "yes" : "no");
  draw();
  focusSpan();
  root.querySelector('[data-testid="source-toggle"]')?.focus({ preventScroll: true });
}

function notes() {
  const { doc, page } = shown;
  if (!doc.version || doc.version.id === page.version_id) return [];
  return [h("p", { class: "notice warn" }, icon("warn"), t("source.older"))];
}

function content() {
  const box = h("div", { class: "scroll page", tabIndex: 0, testid: "source-page", role: "region",
    "aria-label": t("page.one", { first: shown.page.page }) });
  if (isPicture()) box.append(pictureOf(shown));
  else box.append(...textOf(shown));
  return box;
}

function textOf({ page: { text }, span }) {
  if (!text) return [h("p", { class: "hint" }, t("page.blank"))];
  if (span.char_start === null) return [h("div", { class: "text" }, text)];
  const [before, quoted, after] = cut(text, span.char_start, span.char_end);
  const marked = h("mark", { testid: "source-highlight", tabIndex: -1 }, quoted);
  return [h("div", { class: "text" }, before, marked, after)];
}

function pictureOf({ doc, span, page: { page, version_id } }) {
  const parts = ["documents", doc.id, "pages", String(page)];
  const img = h("img", { alt: t("source.picture.alt", { page }),
    src: url([...parts, "image"], { width: PICTURE_WIDTH, version_id }) });
  const frame = h("div", { class: "picture" }, img);
  img.addEventListener("error", () => {
    noPicture.add(doc.id);
    if (shown?.doc !== doc) return;
    draw();
    focusSpan();
  });
  if (span.char_start !== null) drawBoxes(frame, parts, span);
  return frame;
}

/** Boxes come in points from the top left; an SVG of the page's size lays them over the picture. */
async function drawBoxes(frame, parts, { char_start, char_end, version_id }) {
  let found;
  try {
    found = await get([...parts, "boxes"], { char_start, char_end, version_id });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return; // the picture without marks still shows the page
  }
  const { width, height, boxes } = found;
  const rects = boxes.map(([x0, y0, x1, y1]) => svg("rect", { x: x0, y: y0, width: x1 - x0,
    height: y1 - y0, "data-testid": "source-highlight" }));
  frame.append(svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none",
    "aria-hidden": "true" }, ...rects));
  const img = frame.querySelector("img");
  if (!img.complete) await new Promise((resolve) => { img.onload = resolve; });
  rects[0]?.scrollIntoView({ block: "center" });
}

function focusSpan() {
  const marked = root.querySelector("mark");
  const target = marked ?? root.querySelector("#source-title");
  target?.focus({ preventScroll: true });
  marked?.scrollIntoView({ block: "center" });
}
