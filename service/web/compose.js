/** Forms for what is asked of several documents: a digest, a comparison, an extraction. */

import { h, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { wishForm } from "./wish.js";

const TYPES = ["string", "number", "date", "boolean", "list"];
const SCHEMAS = {
  string: { type: "string" },
  number: { type: "number" },
  date: { type: "string", format: "date" },
  boolean: { type: "boolean" },
  list: { type: "array", items: { type: "string" } },
};

/** A form that calls `begin(body)` with the body of a job request. */
export function composeForm(kind, documents, begin) {
  const about = { document_ids: documents.map(({ id }) => id) };
  const list = h("ul", { class: "fine about-list" }, documents.map(({ name }) => h("li", {}, name)));
  return h("div", {}, list, {
    digest: () => wishForm(about, (wish) => begin({ kind, ...wish }), { kind }),
    compare: () => comparisonForm(about, begin),
    extract: () => extractionForm(about, begin),
  }[kind]());
}

const startButton = () => h("button", { class: "primary", testid: "compose-start" }, t("start"));

function comparisonForm(about, begin) {
  const focus = h("input", { name: "focus", maxLength: 500, testid: "compare-focus",
    placeholder: t("focus.hint") });
  return h("form", { class: "wish", onsubmit: (event) => {
    event.preventDefault();
    begin({ kind: "compare", ...about, ...(focus.value.trim() && { focus: focus.value.trim() }) });
  } }, h("label", { class: "wish-instruction" }, h("span", {}, t("focus")), focus), startButton());
}

/** One row for each field; their names and descriptions are all that the model is told of them. */
function extractionForm(about, begin) {
  const rows = h("div", { class: "fields", testid: "fields" }, fieldRow());
  return h("form", { class: "wish", onsubmit: (event) => {
    event.preventDefault();
    begin({ kind: "extract", ...about, schema: schemaOf(rows) });
  } }, h("p", { class: "fine wish-instruction" }, t("fields.hint")), rows,
  h("button", { type: "button", class: "quiet", testid: "field-add",
    onclick: () => rows.append(fieldRow()) }, t("field.add")), startButton());
}

function fieldRow() {
  const row = h("div", { class: "field", testid: "field" },
    h("input", { name: "name", required: true, maxLength: 60, testid: "field-name",
      "aria-label": t("field.name"), placeholder: t("field.name") }),
    h("select", { name: "type", testid: "field-type", "aria-label": t("field.type") },
      TYPES.map((type) => h("option", { value: type }, t(`field.type.${type}`)))),
    h("input", { name: "description", maxLength: 300, testid: "field-description",
      "aria-label": t("field.description"), placeholder: t("field.description") }),
    iconButton("trash", t("field.remove"), { onclick: () => {
      if (row.parentElement.children.length > 1) row.remove();
    } }));
  return row;
}

function schemaOf(rows) {
  const properties = {};
  for (const row of rows.children) {
    const [name, type, description] = [...row.querySelectorAll("input, select")]
      .map(({ value }) => value.trim());
    properties[name] = { ...SCHEMAS[type], ...(description && { description }) };
  }
  return { type: "object", properties };
}
