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
  front: "M8 13V5M4.5 8L8 4.5 11.5 8M3.5 2.500h9",
  library: "M3 3h3v10H3zM7.5 3h2v10h-2zM11 3.500l2.5 9.3",
  chat: "M2.5 3.500h11v7H7l-3 2.500v-2.500H2.500z",
  summary: "M3 4h10M3 8h7M3 12h9",
  jobs: "M8 4.500V8l2.5 1.500M2.5 8a5.5 5.5 0 1 0 11 0 5.5 5.5 0 1 0-11 0",
  page: "M4 2.500h5.500L12 5v8.500H4zM6 7.500h4M6 10h4",
  download: "M8 3v7M5 7.500l3 3 3-3M3 13h10",
  copy: "M5.5 5.500h7v7h-7zM3.5 10.500v-7h7",
};

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

export function icon(name) {
  const path = svg("path", { d: ICONS[name] });
  return svg("svg", { viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" }, path);
}

export function iconButton(name, label, props) {
  return h("button", { type: "button", class: "icon", "aria-label": label, title: label, ...props },
    icon(name));
}

export function decorate(root) {
  for (const el of root.querySelectorAll("[data-icon]")) el.prepend(icon(el.dataset.icon));
}

/**
 * Make `parent`'s children show `items` while touching as little as possible, so that focus and
 * the screen reader's place survive a poll. A child is rebuilt only when its signature changes;
 * its `update(item)`, where it has one, is called every time.
 */
export function syncList(parent, items, { key, signature, render }) {
  const wanted = new Set(items.map(key));
  for (const el of [...parent.children]) if (!wanted.has(el.dataset.key)) el.remove();
  const present = new Map([...parent.children].map((el) => [el.dataset.key, el]));
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const mark = signature(item);
    let el = present.get(key(item));
    if (el?.signature !== mark) {
      const fresh = Object.assign(render(item), { signature: mark });
      fresh.dataset.key = key(item);
      if (el === cursor && el) cursor = fresh;
      if (el) replaceKeepingFocus(el, fresh);
      el = fresh;
    }
    el.update?.(item);
    if (el === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(el, cursor);
  }
}

function replaceKeepingFocus(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  if (focused) fresh.querySelector(`[data-testid="${focused.dataset.testid}"]`)?.focus();
}
