/** One question and what became of it: live from the stream, or as its job has it. */

import { answerParts, nearest } from "./answer.js";
import { h, spinner } from "./dom.js";
import { t } from "./i18n.js";
import { stageText, stateText } from "./joblist.js";
import { announce, errorNotice } from "./notices.js";
import { isOpen } from "./state.js";

export class Turn {
  constructor(question) {
    Object.assign(this, { question, job: null, text: "", attempt: 0, doing: "", quote: null,
      result: null, error: null });
    this.body = h("div", { class: "answer", testid: "answer" });
    this.element = h("article", { class: "turn" },
      h("p", { class: "question", testid: "question" }, question), this.body);
  }

  get ended() {
    return Boolean(this.result || this.error);
  }

  /** What a look at the job tells; a stream that broke is made good by it. */
  adopt(job) {
    this.job = job.id;
    if (isOpen(job)) this.doing = stateText(job);
    else if (job.result) this.result = job.result;
    else this.error = job.error;
    return this.draw();
  }

  /** One event of the answer's stream. */
  receive(name, data) {
    if (name === "job") this.job = data.id;
    if (name === "progress") this.doing = stageText(data.stage);
    if (name === "quote") this.quote = data;
    if (name === "token") this.token(data);
    if (name === "done") {
      this.result = data.result;
      announce(t("answer.ready"));
    }
    if (name === "error") this.error = data;
    this.draw();
  }

  /** A step that is begun again says everything again. */
  token({ text, attempt }) {
    if (attempt < this.attempt) return;
    this.text = attempt === this.attempt ? this.text + text : text;
    this.attempt = attempt;
  }

  fail(error) {
    if (!this.ended) this.error = error;
    this.draw();
  }

  draw() {
    this.body.replaceChildren(...this.parts().filter(Boolean));
    this.body.setAttribute("aria-busy", String(!this.ended));
    return this.element;
  }

  parts() {
    if (this.result) return answerParts(this.result);
    const words = this.text && h("p", { class: "prose unproved" }, this.text);
    const near = this.quote && nearest([this.quote], t("quote.first"));
    if (this.error?.code === "cancelled") {
      return [words, h("p", { class: "fine", testid: "answer-stopped" }, t("answer.stopped"))];
    }
    if (this.error) return [words, errorNotice(this.error)];
    const doing = this.text ? t("answer.checking") : this.doing || t("stage.queued");
    return [near, words, h("p", { class: "fine", testid: "answer-status" }, spinner(), doing)];
  }
}
