/** Toasts, dialogs and what is read aloud. */

import { ApiError } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { known, t } from "./i18n.js";

const TOAST_MS = 6000;
const byId = (id) => document.getElementById(id);

/** Tell screen readers, silently for everybody else. */
export function announce(text) {
  byId("announcer").textContent = "";
  requestAnimationFrame(() => { byId("announcer").textContent = text; });
}

/** {headline, detail, code} of an ApiError or of the `error` of a job or a document. */
export function wordsOf(error) {
  const { code = "", title = "" } = error;
  const detail = error.detail ?? error.message ?? "";
  const translated = known(`error.${code}`) ? t(`error.${code}`) : "";
  const headline = translated || title || detail || t("error.unknown");
  return { headline, detail: detail === headline || translated ? "" : detail, code };
}

/** An error as a block: what happened, the details, and the stable code in small. */
export function errorNotice(error, ...actions) {
  const { headline, detail, code } = wordsOf(error);
  return h("div", { class: "notice bad", testid: "error" }, icon("warn"),
    h("div", {}, h("strong", {}, headline), detail && h("p", {}, detail),
      code && h("code", { class: "code" }, code), actions));
}

export function toast(text, { error = null } = {}) {
  const close = iconButton("close", t("close"), { onclick: () => el.remove() });
  const body = error ? errorNotice(error) : h("p", {}, text);
  const el = h("div", { class: "toast", role: error ? "alert" : "status", testid: "toast" },
    body, close);
  byId("toasts").append(el);
  if (!error) setTimeout(() => el.remove(), TOAST_MS);
}

/** Run `work`; what fails is shown, and `undefined` returned. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast("", { error });
    return undefined;
  }
}

/** A modal form; resolves to the form's data, or null when it was dismissed. */
function dialog(title, content, { action, danger = false }) {
  const form = h("form", { method: "dialog" },
    h("h2", { id: "dialog-title" }, title), content,
    h("div", { class: "actions" },
      h("button", { type: "button", testid: "dialog-cancel", onclick: () => el.close() },
        t("cancel")),
      h("button", { class: danger ? "primary danger" : "primary", value: "yes",
        testid: "dialog-confirm" }, action)));
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

export async function confirmed(title, text, action) {
  return (await dialog(title, h("p", {}, text), { action, danger: true })) !== null;
}

export async function askName(title, label, action) {
  const input = h("input", { name: "name", required: true, maxLength: 200, autocomplete: "off",
    autofocus: true, testid: "dialog-name" });
  const data = await dialog(title, h("label", {}, label, input), { action });
  return data?.get("name").trim() || null;
}

/** A button that copies what `text()` gives; nothing where the browser forbids it. */
export function copyButton(text) {
  if (!navigator.clipboard) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    toast(t("copied"));
  };
  return h("button", { type: "button", class: "quiet", testid: "copy", onclick: copy },
    icon("copy"), t("copy"));
}
