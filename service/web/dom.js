/** Elements are built here. Text always goes in as text nodes, never as markup. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  plus: "M8 3v10M3 8h10",
  trash: "M3 4.500h10M6.5 4.500V3h3v1.500M4.5 4.500l.6 8.500h5.800l.6-8.5",
  upload: "M8 10.500V3M5 6l3-3 3 3M3 11v2h10v-2",
  check: "M3.5 8.500l3 3 6-7",
  question: "M5.8 6.200a2.2 2.2 0 1 1 3.3 1.900c-.8.5-1.1.9-1.1 1.700M8 12.200v.1",
  warn: "M8 2.500l6 11H2zM8 6.500v3.500M8 11.800v.1",
  close: "M4 4l8 8M12 4l-8 8",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  library: "M3 3h3v10H3zM7.5 3h2v10h-2zM11 3.500l2.5 9.3",
  chat: "M2.5 3.500h11v7H7l-3 2.500v-2.500H2.500z",
  summary: "M3 4h10M3 8h7M3 12h9",
  jobs: "M8 4.500V8l2.5 1.500M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0",
  page: "M4 2.500h5.500L12 5v8.500H4zM6 7.500h4M6 10h4",
  download: "M8 3v7M5 7.500l3 3 3-3M3 13h10",
};

export const byId = (id) => document.getElementById(id);

/**
 * An element. `props`: on* functions listen, booleans and numbers become properties where the
 * element has them, everything else is an attribute; `testid` is short for data-testid.
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (typeof value === "function") el.addEventListener(key.slice(2), value);
    else if (key === "testid") el.dataset.testid = value;
    else if (typeof value !== "string" && key in el) el[key] = value;
    else if (value !== false) el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...children.flat(2).filter((child) => child || child === 0));
  return el;
}

export function svg(tag, attributes, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

export const icon = (name) => svg("svg", { viewBox: "0 0 16 16", class: "glyph",
  "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

export const iconButton = (name, label, props) => h("button", { type: "button", class: "icon",
  "aria-label": label, title: label, ...props }, icon(name));

export const spinner = () => h("span", { class: "spinner" });

/**
 * Make `parent`'s children show `items`, which have ids. A child is built anew only when its
 * signature changes, so that the focus and the screen reader's place survive a poll; its
 * `update(item)`, where it has one, is called every time.
 */
export function keyed(parent, items, signature, render) {
  const old = new Map([...parent.children].map((row) => [row.dataset.key, row]));
  const rows = items.map((item) => {
    const mark = JSON.stringify(signature(item));
    const kept = old.get(item.id);
    const row = kept?.mark === mark ? kept : Object.assign(render(item), { mark });
    row.dataset.key = item.id;
    row.update?.(item);
    return row;
  });
  const same = rows.length === parent.children.length
    && rows.every((row, place) => row === parent.children[place]);
  if (same) return;
  const held = parent.contains(document.activeElement) ? document.activeElement : null;
  const row = held?.closest("[data-key]");
  parent.replaceChildren(...rows);
  if (row) parent.querySelector(`[data-key="${row.dataset.key}"]
    [data-testid="${held.dataset.testid}"]`)?.focus({ preventScroll: true });
}
