/** Starts the page: language, panes, addresses, readiness. */

import { ApiError, onConnection, readiness } from "./api.js";
import { focusQuestion, startChat } from "./chat.js";
import { decorate } from "./dom.js";
import { language, loadLanguage, onLanguage, switchLanguage, t } from "./i18n.js";
import { startJobList } from "./joblist.js";
import { startJobs } from "./jobs.js";
import { choose, findDocument, loadCollections, startLibrary } from "./library.js";
import { attempt, toast } from "./notices.js";
import { spanOf } from "./spans.js";
import { on, state } from "./state.js";
import { startSummary } from "./summary.js";
import { startUploads } from "./uploads.js";
import { closeSource, openAddress, startViewer } from "./viewer.js";

const HEALTH_MS = 20000;
const WORK = ["ask", "summary", "jobs"];
const wide = matchMedia("(min-width: 760px)");
let before = "ask";
let health = { ready: null, parts: {} };

/** Phones show one pane; wider screens show the library, one of WORK, and the source. */
function show(pane) {
  const { dataset } = document.body;
  if (pane === "back") pane = before;
  if (pane === "source" && dataset.pane !== "source") before = dataset.pane;
  dataset.pane = pane;
  if (WORK.includes(pane)) dataset.work = pane;
  for (const button of document.querySelectorAll("[data-show]")) {
    const now = button.closest(".bottom") ? pane : dataset.work;
    button.toggleAttribute("aria-current", false);
    if (button.dataset.show === now) button.setAttribute("aria-current", "true");
  }
}

function startPanes() {
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => show(button.dataset.show));
  }
  on("pane", show);
  show(wide.matches ? "ask" : "library");
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, dialog");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    focusQuestion();
  });
}

function startAddresses() {
  addEventListener("hashchange", async () => {
    if (!(await openAddress(location.hash))) closeSource();
  });
  // A second click on the same citation changes no address, but must scroll there again.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#/documents/"]');
    if (link && link.getAttribute("href") === location.hash) openAddress(location.hash);
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names a source, not an element
    document.getElementById("work").focus();
  });
}

/** A link to a page that lies in another collection chooses that collection first. */
async function openFirstAddress() {
  const span = spanOf(location.hash);
  if (!span) return;
  try {
    const { collection_id: id } = await findDocument(span.document_id);
    if (id !== state.collection && state.collections.some((one) => one.id === id)) await choose(id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the viewer will say what is wrong with it
  }
  await openAddress(location.hash);
}

async function checkHealth() {
  if (!document.hidden) {
    health = await readiness();
    drawHealth();
  }
  setTimeout(checkHealth, HEALTH_MS);
}

function drawHealth() {
  const el = document.getElementById("health");
  el.dataset.state = health.ready === null ? "unknown" : health.ready ? "ready" : "notready";
  const missing = Object.entries(health.parts ?? {}).filter(([, { ok }]) => !ok);
  const text = health.ready === null ? "" : health.ready ? t("health.ready")
    : health.offline ? t("health.offline")
      : t("health.notready", { parts: missing.map(([name]) => name).join(", ") });
  if (el.textContent !== text) el.textContent = text;
  el.title = missing.map(([name, { message }]) => `${name}: ${message}`).join("\n");
}

function drawLanguage() {
  const button = document.getElementById("language");
  [button.textContent, button.lang] = language() === "en" ? ["中文", "zh-TW"] : ["English", "en"];
  button.setAttribute("aria-label", t("language.switch"));
  document.title = t("title");
}

async function start() {
  decorate(document);
  onLanguage(drawLanguage);
  onLanguage(drawHealth);
  document.getElementById("language").addEventListener("click", switchLanguage);
  onConnection((online) => {
    health = { ready: online ? null : false, parts: {}, offline: !online };
    drawHealth();
    if (online) toast(t("connection.back"));
  });
  for (const begin of [startPanes, startAddresses, startLibrary, startUploads, startJobs,
    startJobList, startSummary, startChat, startViewer]) begin();
  await loadLanguage();
  checkHealth();
  await attempt(() => loadCollections());
  await openFirstAddress();
}

start();
