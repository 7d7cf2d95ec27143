/** The source: one page's text or picture with the cited words marked. */

import { ApiError, get, url } from "./api.js";
import { byId, h, icon, iconButton, svg } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { findDocument } from "./library.js";
import { errorNotice } from "./notices.js";
import { address, cut, spanOf } from "./spans.js";
import { on, tell } from "./state.js";

const STORE = "lectern.picture";
const PICTURE_WIDTH = 1200;
let shown = null; //: {span, doc, page} or {span, error}
let picture = localStorage.getItem(STORE) === "yes";

export function startViewer() {
  addEventListener("hashchange", () => openAddress());
  // A second click on the same citation changes no address, but must scroll there again.
  document.addEventListener("click", ({ target }) => {
    const link = target.closest('a[href^="#/documents/"]');
    if (link && link.getAttribute("href") === location.hash) openAddress();
  });
  on("document-gone", (id) => { if (shown?.span.document_id === id) close(); });
  onLanguage(draw);
}

/** Open the span that the page's address names; resolves to its document, if it can be shown. */
export async function openAddress() {
  const { hash } = location;
  const span = spanOf(hash);
  if (!span) return close();
  const { document_id: id, page, version_id } = span;
  let opened;
  try {
    const [doc, text] = await Promise.all([findDocument(id),
      get(["documents", id, "pages", String(page)], { version_id })]);
    opened = { span, doc, page: text };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    opened = { span, error };
  }
  if (location.hash !== hash) return null; // another one was asked for since
  shown = opened;
  tell("pane", "source");
  draw();
  return shown.doc;
}

function close() {
  if (!shown) return null;
  shown = null;
  history.replaceState(null, "", location.pathname);
  draw();
  tell("pane", "back");
  return null;
}

function draw() {
  const title = shown?.doc?.name ?? t("source");
  const head = h("div", { class: "pane-head" },
    h("h2", { id: "source-title", class: "name", title }, title),
    shown && iconButton("close", t("source.close"), { testid: "source-close", onclick: close }));
  document.body.dataset.source = shown ? "open" : "closed";
  if (!shown) byId("source").replaceChildren(head, h("p", { class: "hint" }, t("source.hint")));
  else if (shown.error) byId("source").replaceChildren(head, errorNotice(shown.error));
  else byId("source").replaceChildren(head, toolbar(), ...older(), content());
  byId("source").querySelector("mark")?.scrollIntoView({ block: "center" });
}

const hasPicture = () => /^(application\/pdf|image\/.*)$/.test(shown.doc.media_type);

function toolbar() {
  const { page: { page, page_count: count }, doc } = shown;
  const turn = (name, key, testid, target) => iconButton(name, t(key), { testid,
    disabled: target < 1 || target > count, onclick: () => goTo(target) });
  const input = h("input", { type: "text", inputmode: "numeric", value: String(page),
    "aria-label": t("page.number"), testid: "source-page-number",
    onchange: () => goTo(Number(input.value)) });
  const toggle = hasPicture() && h("button", { type: "button", class: "quiet",
    testid: "source-toggle", onclick: flip }, t(picture ? "source.text" : "source.picture"));
  return h("div", { class: "toolbar" }, turn("left", "page.previous", "page-previous", page - 1),
    input, h("span", { class: "fine" }, t("page.count", { count })),
    turn("right", "page.next", "page-next", page + 1), h("span", { class: "grow" }), toggle,
    iconButton("chat", t("document.ask"), { testid: "source-ask",
      onclick: () => tell("ask-document", doc) }),
    h("a", { class: "icon button", href: url(["documents", doc.id, "content"]), download: doc.name,
      "aria-label": t("source.original"), title: t("source.original"), testid: "source-original" },
    icon("download")));
}

function goTo(page) {
  const { page: { page_count: count }, span: { document_id, version_id } } = shown;
  if (page >= 1 && page <= count) location.hash = address({ document_id, version_id, page });
  else draw();
}

function flip() {
  picture = !picture;
  localStorage.setItem(STORE, picture ? "yes" : "no");
  draw();
  byId("source").querySelector('[data-testid="source-toggle"]').focus();
}

function older() {
  const { doc, page } = shown;
  if (!doc.version || doc.version.id === page.version_id) return [];
  return [h("p", { class: "notice warn" }, icon("warn"), t("source.older"))];
}

function content() {
  return h("div", { class: "scroll page", tabIndex: 0, testid: "source-page", role: "region",
    "aria-label": t("page.one", { first: shown.page.page }) },
  picture && hasPicture() ? pictureOf(shown) : textOf(shown));
}

function textOf({ page: { text }, span: { char_start: start, char_end: end } }) {
  if (!text) return h("p", { class: "hint" }, t("page.blank"));
  if (start === null) return h("div", { class: "text" }, text);
  const [before, quoted, after] = cut(text, start, end);
  return h("div", { class: "text" }, before,
    h("mark", { testid: "source-highlight" }, quoted), after);
}

function pictureOf({ doc, span, page: { page, version_id } }) {
  const parts = ["documents", doc.id, "pages", String(page)];
  const img = h("img", { alt: t("source.picture.alt", { page }),
    src: url([...parts, "image"], { width: PICTURE_WIDTH, version_id }) });
  const frame = h("div", { class: "picture" }, img);
  if (span.char_start !== null) drawBoxes(frame, parts, span);
  return frame;
}

/** Boxes come in points from the top left; an SVG of the page's size lays them over the picture. */
async function drawBoxes(frame, parts, { char_start, char_end, version_id }) {
  const found = await get([...parts, "boxes"], { char_start, char_end, version_id })
    .catch(() => null); // the picture without marks still shows the page
  if (!found) return;
  const rects = found.boxes.map(([x0, y0, x1, y1]) => svg("rect", { x: x0, y: y0,
    width: x1 - x0, height: y1 - y0, "data-testid": "source-highlight" }));
  frame.append(svg("svg", { viewBox: `0 0 ${found.width} ${found.height}`,
    preserveAspectRatio: "none", "aria-hidden": "true" }, ...rects));
  await frame.querySelector("img").decode().catch(() => null);
  rects[0]?.scrollIntoView({ block: "center" });
}
