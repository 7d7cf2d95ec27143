/** An extraction: a row for each document, a column for each field, evidence under each value. */

import { h, icon } from "./dom.js";
import { number, t } from "./i18n.js";
import { flowing } from "./sentences.js";
import { address } from "./spans.js";

export function extractionParts({ documents }, { table }) {
  const fields = Object.keys(documents[0]?.fields ?? {});
  return [h("p", { class: "actions" }, ["csv", "xlsx"].map((format) => h("a", { class: "button",
    href: table(format), download: "", testid: `table-${format}` }, icon("download"),
    format.toUpperCase()))),
  h("div", { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": t("kind.extract") },
    h("table", { testid: "extracted" },
      h("thead", {}, h("tr", {}, h("th", {}, t("document")), fields.map((name) => h("th", {}, name)))),
      h("tbody", {}, documents.map((one) => h("tr", {}, h("th", {}, one.name),
        fields.map((name) => cell(one, one.fields[name])))))))];
}

function cell(doc, field) {
  if (field.value === null || field.value === undefined) {
    return h("td", { class: "absent" }, t("field.absent"));
  }
  const { value, verified, page, confidence, quote } = field;
  const place = page && h("a", { class: "fine", title: quote ? flowing(quote) : undefined,
    href: address({ ...field, document_id: doc.document_id, version_id: doc.version_id }) },
    t("page.one", { first: page }));
  const sure = confidence === undefined ? null : h("span", { class: "fine" },
    number(confidence, { style: "percent" }));
  return h("td", { "data-verified": String(verified ?? true) }, h("div", {}, shown(value)),
    h("div", { class: "evidence" }, place, verified === false && h("span", { class: "mark" },
      icon("question"), t("unverified")), sure));
}

const shown = (value) => (typeof value === "object" ? JSON.stringify(value, null, 1)
  : String(value));
