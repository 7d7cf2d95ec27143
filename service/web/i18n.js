/** The page's words in the reader's language. Knows nothing of documents or jobs. */

const LANGUAGES = ["en", "zh-TW"];
const STORE = "lectern.language";
const listeners = [];
let words = {};
let current = "en";

/** What the reader chose before, else what the browser asks for. */
function preferred() {
  const stored = localStorage.getItem(STORE);
  if (LANGUAGES.includes(stored)) return stored;
  return /^zh/i.test(navigator.language) ? "zh-TW" : "en";
}

export const language = () => current;

/** Call `listener` after every change of language, for text that scripts have written. */
export const onLanguage = (listener) => listeners.push(listener);

export async function loadLanguage(wanted = preferred()) {
  const response = await fetch(new URL(`./locale.${wanted}.json`, import.meta.url));
  words = await response.json();
  current = wanted;
  document.documentElement.lang = wanted;
  translatePage();
  for (const listener of listeners) listener();
}

export async function switchLanguage() {
  const next = current === "en" ? "zh-TW" : "en";
  localStorage.setItem(STORE, next);
  await loadLanguage(next);
}

export const known = (key) => key in words;

export const number = (value, options) => new Intl.NumberFormat(current, options).format(value);

/** The words for `key`; `{name}` is filled from `values`, `count` chooses the plural form. */
export function t(key, values = {}) {
  let text = words[key];
  if ("count" in values) {
    text = words[`${key}.${new Intl.PluralRules(current).select(values.count)}`] ?? text;
  }
  return (text ?? key).replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value ?? whole;
  });
}

/** Fill the elements that carry data-i18n, data-i18n-label or data-i18n-placeholder. */
function translatePage() {
  for (const el of document.querySelectorAll("[data-i18n]")) el.textContent = t(el.dataset.i18n);
  for (const el of document.querySelectorAll("[data-i18n-label]")) {
    el.setAttribute("aria-label", t(el.dataset.i18nLabel));
    if (el.matches("button.icon")) el.title = t(el.dataset.i18nLabel);
  }
  for (const el of document.querySelectorAll("[data-i18n-placeholder]")) {
    el.placeholder = t(el.dataset.i18nPlaceholder);
  }
}

/** 1.5 s, 3 min, 1 h 5 min: short enough for a row. */
export function duration(seconds) {
  if (seconds < 10) return t("time.seconds", { n: Math.round(seconds * 10) / 10 });
  if (seconds < 180) return t("time.seconds", { n: Math.round(seconds) });
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return t("time.minutes", { n: minutes });
  return t("time.hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

export function moment(seconds) {
  const when = new Date(seconds * 1000);
  const today = when.toDateString() === new Date().toDateString();
  const style = today ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(current, style).format(when);
}

export function bytes(size) {
  const [value, unit] = size < 1e6 ? [size / 1e3, "KB"] : [size / 1e6, "MB"];
  return `${number(value, { maximumFractionDigits: value < 10 ? 1 : 0 })}\u00a0${unit}`;
}
