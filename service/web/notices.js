/** Toasts, dialogs and what is read aloud. */

import { ApiError } from "./api.js";
import { byId, h, icon, iconButton } from "./dom.js";
import { known, t } from "./i18n.js";

const TOAST_MS = 6000;

/** Tell screen readers, silently for everybody else. */
export const announce = (text) => { byId("announcer").textContent = text; };

/** What an ApiError, or the `error` of a job or a document, says in the reader's language. */
export const wordsOf = ({ code, message }) =>
  (known(`error.${code}`) ? t(`error.${code}`) : message || t("error.unknown"));

/** An error as a block: what happened, and the stable code in small. */
export function errorNotice(error) {
  return h("div", { class: "notice bad", testid: "error" }, icon("warn"),
    h("div", {}, wordsOf(error), h("code", { class: "code" }, error.code)));
}

/** A short text, or an error, which stays until it is closed. */
export function toast(content) {
  const failed = typeof content !== "string";
  const el = h("div", { class: "toast", role: failed ? "alert" : "status", testid: "toast" },
    failed ? errorNotice(content) : h("p", {}, content),
    iconButton("close", t("close"), { onclick: () => el.remove() }));
  byId("toasts").append(el);
  if (!failed) setTimeout(() => el.remove(), TOAST_MS);
}

/** Run `work`; what the service refuses is shown, and `undefined` returned. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error);
    return undefined;
  }
}

/** A modal form; resolves to the form's data, or null when it was dismissed. */
function dialog(title, content, action, manner = "primary") {
  const form = h("form", { method: "dialog" },
    h("h2", { id: "dialog-title" }, title), content,
    h("div", { class: "actions" },
      h("button", { type: "button", testid: "dialog-cancel", onclick: () => el.close() },
        t("cancel")),
      h("button", { class: manner, value: "yes", testid: "dialog-confirm" }, action)));
  const el = h("dialog", { "aria-labelledby": "dialog-title", testid: "dialog" }, form);
  document.body.append(el);
  return new Promise((resolve) => {
    el.addEventListener("close", () => {
      resolve(el.returnValue === "yes" ? new FormData(form) : null);
      el.remove();
    });
    el.showModal();
  });
}

/** Whether the reader wants something to be gone for good. */
export async function deletionConfirmed(title, text) {
  return (await dialog(title, h("p", {}, text), t("delete"), "primary danger")) !== null;
}

export async function askName(title, label, action) {
  const input = h("input", { name: "name", required: true, maxLength: 200, autocomplete: "off",
    autofocus: true, testid: "dialog-name" });
  return (await dialog(title, h("label", {}, label, input), action))?.get("name").trim();
}
