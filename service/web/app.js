/** Starts the page: language, panes, addresses, readiness. */

import { readiness } from "./api.js";
import { startChat } from "./chat.js";
import { byId, icon } from "./dom.js";
import { language, loadLanguage, onLanguage, switchLanguage, t } from "./i18n.js";
import { startJobList } from "./joblist.js";
import { startJobs } from "./jobs.js";
import { choose, loadCollections, startLibrary } from "./library.js";
import { attempt } from "./notices.js";
import { on, state } from "./state.js";
import { startResult } from "./result.js";
import { startSelection } from "./selection.js";
import { startSummary } from "./summary.js";
import { startUploads } from "./uploads.js";
import { openAddress, startViewer } from "./viewer.js";

const HEALTH_MS = 10_000;
const WORK = ["ask", "summary", "result", "jobs"];
let before = "ask"; //: the pane that a phone goes back to
let health = { ready: null, parts: {} };

/** Phones show one pane; wider screens show the library, one of WORK, and the source. */
function show(wanted) {
  const { dataset } = document.body;
  if (wanted === "back" && dataset.pane !== "source") return;
  const pane = wanted === "back" ? before : wanted;
  if (pane === "source" && dataset.pane !== "source") before = dataset.pane;
  dataset.pane = pane;
  if (WORK.includes(pane)) dataset.work = pane;
  for (const button of document.querySelectorAll("[data-show]")) {
    const now = button.closest(".bottom") ? pane : dataset.work;
    button.ariaCurrent = button.dataset.show === now ? "true" : null;
  }
}

function startPanes() {
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => show(button.dataset.show));
  }
  on("pane", show);
  show(matchMedia("(min-width: 760px)").matches ? "ask" : "library");
}

async function checkHealth() {
  if (!document.hidden) {
    health = await readiness();
    drawHealth();
  }
  setTimeout(checkHealth, HEALTH_MS);
}

function drawHealth() {
  const missing = Object.entries(health.parts).filter(([, { ok }]) => !ok);
  const word = { true: "ready", false: health.offline ? "offline" : "notready" }[health.ready];
  byId("health").dataset.state = word ?? "unknown";
  byId("health").textContent = word
    ? t(`health.${word}`, { parts: missing.map(([name]) => name).join(", ") }) : "";
  byId("health").title = missing.map(([name, { message }]) => `${name}: ${message}`).join("\n");
}

function drawLanguage() {
  const button = byId("language");
  [button.textContent, button.lang] = language() === "en" ? ["中文", "zh-TW"] : ["English", "en"];
  button.setAttribute("aria-label", t("language.switch"));
}

async function start() {
  for (const el of document.querySelectorAll("[data-icon]")) el.prepend(icon(el.dataset.icon));
  onLanguage(drawLanguage);
  onLanguage(drawHealth);
  byId("language").addEventListener("click", switchLanguage);
  for (const begin of [startPanes, startLibrary, startUploads, startJobs, startJobList,
    startSummary, startSelection, startResult, startChat, startViewer]) begin();
  await loadLanguage();
  checkHealth();
  await attempt(() => loadCollections());
  const opened = await openAddress(); // it may lie in another collection than the last one's
  if (opened && opened.collection_id !== state.collection) await choose(opened.collection_id);
}

start();
