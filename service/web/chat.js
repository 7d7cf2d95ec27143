/** Questions over the collection: conversations, the streamed answer, the stop button. */

import { ApiError, get, post, remove, request, url } from "./api.js";
import { h, iconButton } from "./dom.js";
import { moment, number, onLanguage, t } from "./i18n.js";
import { attempt, confirmed } from "./notices.js";
import { eventsOf } from "./sse.js";
import { on, state, tell } from "./state.js";
import { Turn } from "./turn.js";

const byId = (id) => document.getElementById(id);
let conversation = null; //: id, once the service has named it
let conversations = [];
let turns = [];
let live = null; //: {turn, stopper} while an answer is streamed

export function startChat() {
  byId("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("question").addEventListener("keydown", (event) => {
    // Enter also confirms a word in an input method (Zhuyin, Pinyin): not a wish to send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  });
  byId("stop").addEventListener("click", stop);
  byId("conversation-new").addEventListener("click", () => { reset(); byId("question").focus(); });
  dismissible(byId("conversations"));
  on("collection", () => { reset(); loadConversations(); });
  on("documents", () => { if (!turns.length) draw(); });
  on("jobs", () => live?.turn.look(state.jobs));
  onLanguage(() => { drawConversations(); draw(); });
}

/** Close an open menu on Escape and on a click beside it. */
function dismissible(menu) {
  document.addEventListener("click", ({ target }) => {
    if (!menu.contains(target)) menu.open = false;
  });
  menu.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
}

function reset() {
  stop();
  [conversation, turns] = [null, []];
  byId("conversations").open = false;
  draw();
  drawConversations();
}

async function loadConversations() {
  const asked = state.collection;
  conversations = [];
  drawConversations();
  const found = asked && await attempt(() => get(["conversations"], { collection_id: asked }));
  if (!found || asked !== state.collection) return;
  conversations = found.conversations;
  drawConversations();
}

async function openConversation(id) {
  reset();
  conversation = id;
  drawConversations();
  const found = await attempt(() => get(["conversations", id]));
  if (!found || conversation !== id || turns.length) return;
  turns = found.turns.map((stored) => Turn.stored(stored));
  draw();
  scrollDown();
  await Promise.all(turns.map((turn) => turn.complete()));
}

async function deleteConversation({ id, title }) {
  if (!(await confirmed(t("conversation.delete"), title, t("delete")))) return;
  await attempt(() => remove(["conversations", id]));
  if (id === conversation) reset();
  await loadConversations();
}

async function send() {
  const question = byId("question").value.trim();
  if (!question || live || !state.collection) return;
  byId("question").value = "";
  const turn = new Turn(question);
  turns.push(turn);
  live = { turn, stopper: new AbortController() };
  draw();
  scrollDown();
  const mine = live;
  try {
    await stream(turn, mine.stopper.signal);
  } catch (error) {
    turn.fail(error.name === "AbortError" ? { code: "stopped" } : lost(error));
  } finally {
    if (live === mine) live = null;
    drawButtons();
    if (!turn.result) scrollDown();
  }
  if (!turn.result && !byId("question").value) byId("question").value = question;
}

/** A stream that breaks raises a TypeError; to the reader it is a lost connection. */
const lost = (error) => (error instanceof ApiError ? error : { code: "network" });

async function stream(turn, signal) {
  const asked = state.collection;
  const body = { question: turn.question, stream: true };
  if (conversation) body.conversation_id = conversation;
  const response = await request(url(["collections", asked, "ask"]),
    { method: "POST", signal, accept: "text/event-stream", body });
  for await (const { name, data } of eventsOf(response.body)) {
    if (name === "job" && asked === state.collection && !signal.aborted) named(data);
    const close = nearBottom();
    turn.receive(name, data);
    if (close) scrollDown();
  }
  await turn.settle();
}

function named({ conversation_id: id }) {
  if (!id || conversation === id) return;
  conversation = id;
  loadConversations();
}

/** Close the stream, which cancels the job; say it outright too, for proxies that hold on. */
function stop() {
  if (!live) return;
  const { turn, stopper } = live;
  stopper.abort();
  if (turn.job) attempt(() => post(["jobs", turn.job, "cancel"]));
}

function draw() {
  const box = byId("turns");
  const ready = state.documents.some(({ status }) => status === "ready");
  if (turns.length) box.replaceChildren(...turns.map((turn) => turn.draw()));
  else box.replaceChildren(h("p", { class: "hint" }, t(ready ? "ask.hint" : "ask.hint.empty")));
  drawButtons();
}

function drawButtons() {
  const [send, stopper] = [byId("send"), byId("stop")];
  const held = document.activeElement === send || document.activeElement === stopper;
  [send.hidden, stopper.hidden] = [Boolean(live), !live];
  send.disabled = !state.collection;
  if (held) byId("question").focus();
}

function drawConversations() {
  byId("conversation-count").textContent = conversations.length ? number(conversations.length) : "";
  const rows = conversations.map((one) => h("li", {},
    h("button", { type: "button", class: "quiet grow name", testid: "conversation-open",
      "aria-current": one.id === conversation && "true",
      onclick: () => openConversation(one.id) }, one.title || t("conversation.untitled"),
    h("span", { class: "fine" }, moment(one.created_at))),
    iconButton("trash", `${t("conversation.delete")}: ${one.title}`,
      { testid: "conversation-delete", onclick: () => deleteConversation(one) })));
  if (!rows.length) rows.push(h("li", { class: "hint" }, t("conversations.none")));
  byId("conversation-list").replaceChildren(...rows);
}

function nearBottom() {
  const box = byId("turns");
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
}

function scrollDown() {
  byId("turns").scrollTop = byId("turns").scrollHeight;
}

/** Put the cursor where the next question is typed. */
export function focusQuestion() {
  tell("pane", "ask");
  byId("question").focus();
}
