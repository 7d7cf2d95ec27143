/** One question and what became of it: live from the stream, or stored. */

import { answerParts } from "./answer.js";
import { ApiError, get } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { waitingText, wordFor } from "./joblist.js";
import { announce, errorNotice } from "./notices.js";
import { isOpen } from "./state.js";

export class Turn {
  constructor(question) {
    Object.assign(this, { question, job: null, text: "", attempt: 0, stage: "", waiting: "",
      result: null, error: null });
    this.body = h("div", { class: "answer", testid: "answer" });
    this.element = h("article", { class: "turn" },
      h("p", { class: "question", testid: "question" }, question), this.body);
  }

  static stored({ job_id: job, question, answer, refused, citations }) {
    const result = answer === null ? null : { answer, refused, citations };
    return Object.assign(new Turn(question), { job, result, past: true });
  }

  /** Fetch what the list of turns leaves out: sentences, draft, what was searched, or the error. */
  async complete() {
    try {
      this.adopt(await get(["jobs", this.job]));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // else the stored answer stands as it is
    }
  }

  adopt(job) {
    if (job.result) this.result = job.result;
    else if (!this.result && !isOpen(job)) this.error = job.error ?? { code: job.status };
    this.draw();
  }

  /** One event of the answer's stream. */
  receive(name, data) {
    if (name === "job") this.job = data.id;
    if (name === "progress") this.stage = data.stage ?? "";
    if (name === "token") return this.token(data);
    if (name === "done") {
      this.result = data.result;
      announce(t(this.result.refused ? "refused" : "answer.ready"));
    }
    if (name === "error") this.error = { code: data.code, message: data.message };
    this.draw();
  }

  token({ text, attempt = 0 }) {
    if (attempt < this.attempt) return;
    if (attempt > this.attempt) this.text = "";
    this.attempt = attempt;
    const first = !this.text;
    this.text += text;
    if (first || !this.words) this.draw();
    else this.words.textContent = this.text;
  }

  fail(error) {
    if (this.result) return;
    this.error = error;
    this.draw();
  }

  /** The stream has ended: where it ended early, the job itself says what became of it. */
  async settle() {
    if (this.result || this.error) return;
    if (!this.job) this.fail({ code: "network" });
    else {
      const job = await get(["jobs", this.job]);
      if (isOpen(job)) this.fail({ code: "network" });
      else this.adopt(job);
    }
  }

  /** Say why nothing happens yet, as the list of jobs has it. */
  look(jobs) {
    const job = jobs.find(({ id }) => id === this.job);
    const waiting = job?.status === "queued" ? waitingText(job) : "";
    if (waiting === this.waiting) return;
    this.waiting = waiting;
    if (!this.text) this.draw();
  }

  draw() {
    this.words = null;
    this.body.replaceChildren(...this.parts());
    this.body.setAttribute("aria-busy", String(!this.result && !this.error && !this.past));
    return this.element;
  }

  parts() {
    if (this.result) return answerParts(this.result);
    if (this.error) return [this.unfinished(), this.failure()].filter(Boolean);
    if (this.past) return [h("p", { class: "fine" }, t("answer.none"))];
    if (this.text) {
      this.words = h("p", { class: "prose" }, this.text);
      return [this.words, this.status(t("answer.checking"))];
    }
    return [this.status(this.waiting || (this.stage && wordFor("stage", this.stage))
      || t("answer.working"))];
  }

  status(text) {
    return h("p", { class: "fine", testid: "answer-status" },
      h("span", { class: "spinner" }), text);
  }

  unfinished() {
    return this.text && h("details", { class: "draft" }, h("summary", {}, t("draft.cut")),
      h("p", { class: "prose" }, this.text));
  }

  failure() {
    const mild = ["stopped", "cancelled"].includes(this.error.code);
    if (mild) return h("p", { class: "fine", testid: "answer-stopped" }, t("answer.stopped"));
    return errorNotice(this.error);
  }
}
