/** Questions over the collection: conversations, the streamed answer, the stop button. */

import { ApiError, get, post, remove, request, url } from "./api.js";
import { byId, h, iconButton } from "./dom.js";
import { moment, onLanguage, t } from "./i18n.js";
import { choose } from "./library.js";
import { attempt, deletionConfirmed } from "./notices.js";
import { eventsOf } from "./sse.js";
import { documentOf, on, state, tell } from "./state.js";
import { Turn } from "./turn.js";

let conversation = ""; //: id, once the service has named it
let conversations = [];
let turns = [];
let about = null; //: the one document that is asked; null: all of the collection
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
  byId("conversation").addEventListener("change", ({ target }) => openConversation(target.value));
  byId("conversation-new").addEventListener("click", () => openConversation(""));
  byId("conversation-delete").addEventListener("click", deleteConversation);
  on("collection", () => { openConversation(""); loadConversations(); });
  on("converse", (id) => { tell("pane", "ask"); openConversation(id); });
  on("ask-document", askDocument);
  on("document-gone", (id) => { if (about?.id === id) openConversation(""); });
  on("documents", () => { if (!turns.length) draw(); });
  on("jobs", adoptJobs);
  onLanguage(() => { drawConversations(); draw(); });
}

/** Begin a conversation about one document; it may have been opened from another collection. */
async function askDocument(doc) {
  tell("pane", "ask");
  if (doc.collection_id !== state.collection) await attempt(() => choose(doc.collection_id));
  openConversation("");
  about = doc;
  draw();
  byId("question").focus();
}

async function loadConversations() {
  const asked = state.collection;
  const found = asked && await attempt(() => get(["conversations"], { collection_id: asked }));
  if (asked !== state.collection) return;
  conversations = found?.conversations ?? [];
  drawConversations();
}

/** Show a conversation; "" is one that has not begun. */
async function openConversation(id) {
  stop();
  [conversation, turns, about] = [id, [], null];
  drawConversations();
  draw();
  if (!id) return;
  const jobs = await attempt(async () => {
    const found = await get(["conversations", id]);
    return Promise.all(found.turns.map(({ job_id: job }) => get(["jobs", job])));
  });
  if (!jobs || conversation !== id || turns.length) return;
  turns = jobs.map((job) => new Turn(job.params.question));
  turns.forEach((turn, place) => turn.adopt(jobs[place]));
  about = documentOf(jobs.at(-1)?.document_id) ?? null;
  draw();
  scrollDown();
}

async function deleteConversation() {
  const { id, title } = conversations.find((one) => one.id === conversation);
  if (!(await deletionConfirmed(t("conversation.delete"), title))) return;
  await attempt(() => remove(["conversations", id]));
  openConversation("");
  await loadConversations();
}

async function send() {
  const input = byId("question");
  const question = input.value.trim();
  if (!question || live || !state.collection) return;
  input.value = "";
  const mine = { turn: new Turn(question), stopper: new AbortController() };
  live = mine;
  turns.push(mine.turn);
  draw();
  scrollDown();
  try {
    await stream(mine.turn, mine.stopper.signal);
  } catch (error) {
    const stopped = error.name === "AbortError";
    // A stream that breaks raises a TypeError. Once the job is known, the next look at it tells.
    if (stopped || error instanceof ApiError) mine.turn.fail(stopped ? { code: "cancelled" } : error);
  } finally {
    if (live === mine) live = null;
    drawButtons();
    tell("hurry");
  }
  if (mine.turn.error) input.value ||= question;
}

async function stream(turn, signal) {
  const asked = { question: turn.question, stream: true, conversation_id: conversation || null,
    document_id: about?.id ?? null };
  const response = await request(url(["collections", state.collection, "ask"]),
    { method: "POST", signal, body: asked });
  for await (const { name, data } of eventsOf(response.body)) {
    if (signal.aborted) return;
    if (name === "job" && conversation !== data.conversation_id) {
      conversation = data.conversation_id;
      loadConversations();
    }
    const { scrollHeight, scrollTop, clientHeight } = byId("turns");
    turn.receive(name, data);
    if (scrollHeight - scrollTop - clientHeight < 80) scrollDown();
  }
}

/** Close the stream, which cancels the job; say it outright too, for proxies that hold on. */
function stop() {
  if (!live) return;
  const { turn, stopper } = live;
  stopper.abort();
  if (turn.job) attempt(() => post(["jobs", turn.job, "cancel"]));
}

function adoptJobs() {
  for (const turn of turns) {
    const job = turn.ended ? null : state.jobs.find(({ id }) => id === turn.job);
    if (job) turn.adopt(job);
  }
}

function draw() {
  const ready = state.documents.some(({ status }) => status === "ready");
  if (turns.length) byId("turns").replaceChildren(...turns.map((turn) => turn.draw()));
  else {
    byId("turns").replaceChildren(h("p", { class: "hint" },
      t(ready ? "ask.hint" : "ask.hint.empty")));
  }
  drawAbout();
  drawButtons();
}

function drawAbout() {
  byId("about").hidden = !about;
  if (about) byId("about").replaceChildren(t("ask.about", { name: about.name }), " ",
    iconButton("close", t("ask.about.all"), { testid: "ask-about-all",
      onclick: () => { about = null; drawAbout(); byId("question").focus(); } }));
}

function drawButtons() {
  const held = [byId("send"), byId("stop")].includes(document.activeElement);
  [byId("send").hidden, byId("stop").hidden] = [Boolean(live), !live];
  byId("send").disabled = !state.collection;
  if (held) byId("question").focus();
}

function drawConversations() {
  const begun = conversations.map(({ id, title, created_at: at }) =>
    h("option", { value: id }, `${title} · ${moment(at)}`));
  byId("conversation").replaceChildren(h("option", { value: "" }, t("conversation.new")), ...begun);
  byId("conversation").value = conversation;
  byId("conversation-delete").disabled = !conversation;
}

function scrollDown() {
  byId("turns").scrollTop = byId("turns").scrollHeight;
}
