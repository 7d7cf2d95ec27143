/** How a summary is wanted, with what it would take, before it is begun. */

import { post } from "./api.js";
import { h, icon } from "./dom.js";
import { duration, number, t } from "./i18n.js";
import { attempt } from "./notices.js";

const STYLES = ["standard", "brief", "detailed", "executive", "bullets", "minutes", "custom"];
const LANGUAGES = ["en", "zh-TW"];
const PATIENCE = 400; //: ms after the last change before the estimate is asked for again

/** A form that calls `begin(wish)`; `wish` is the body of a job request without its kind. */
export function wishForm(about, begin, { kind = "summary" } = {}) {
  const styles = kind === "summary" ? STYLES : STYLES.filter((one) => one !== "minutes");
  const style = choice("style", styles.map((one) => [one, t(`style.${one}`)]));
  const length = h("input", { type: "number", name: "length", min: 20, max: 1000, step: 10,
    testid: "wish-length", placeholder: t("length.usual") });
  const language = choice("language",
    [["", t("language.own")], ...LANGUAGES.map((one) => [one, t(`language.${one}`)])]);
  const instruction = h("textarea", { name: "instruction", rows: 2, testid: "wish-instruction",
    placeholder: t("instruction.hint"), maxLength: 4000 });
  const own = labelled("instruction", instruction);
  const notice = h("div", { class: "offer", "aria-live": "polite" });
  const start = h("button", { class: "primary", testid: "summary-start" }, t("summarise"));
  const wish = () => Object.fromEntries(Object.entries({ ...about, style: style.value,
    length: length.valueAsNumber || undefined, language: language.value || undefined,
    instruction: style.value === "custom" ? instruction.value.trim() : undefined,
  }).filter(([, value]) => value !== undefined));
  const changed = () => {
    own.hidden = style.value !== "custom";
    instruction.required = !own.hidden;
    if (kind === "summary") estimate(form, notice, wish);
  };
  const form = h("form", { class: "wish", testid: "wish", onchange: changed,
    onsubmit: (event) => { event.preventDefault(); begin(wish()); } },
    labelled("style", style), labelled("length", length), labelled("language", language),
    own, notice, start);
  changed();
  return form;
}

function choice(name, options) {
  return h("select", { name, testid: `wish-${name}` },
    options.map(([value, text]) => h("option", { value }, text)));
}

const labelled = (name, field) => h("label", { class: `wish-${name}` },
  h("span", {}, t(`wish.${name}`)), field);

/** Ask what it would take, once the reader has stopped changing it. */
function estimate(form, notice, wish) {
  clearTimeout(form.asking);
  form.asking = setTimeout(async () => {
    const asked = wish();
    if (!form.isConnected || !form.checkValidity()) return;
    const found = await attempt(() => post(["jobs"], { kind: "summary", ...asked, dry_run: true }));
    if (!found || JSON.stringify(asked) !== JSON.stringify(wish())) return;
    notice.replaceChildren(offerNotice(found));
  }, notice.hasChildNodes() ? PATIENCE : 0);
}

function offerNotice({ p50, p90, steps, kept, prompt_tokens: read, written_tokens: written }) {
  const words = [t("offer.time", { likely: duration(p50), safe: duration(p90) }),
    t("offer.size", { count: steps, read: number(read), written: number(written) }),
    kept && t("offer.kept", { count: kept })];
  return h("p", { class: "notice", testid: "summary-offer" }, icon("jobs"),
    h("span", {}, words.filter(Boolean).join(" ")));
}
