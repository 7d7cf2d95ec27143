/** Spans and their addresses. Offsets are Unicode code points; JavaScript counts UTF-16 units. */

/** The UTF-16 index of code point `offset` of `text` (clamped to its end). */
export function unitIndex(text, offset) {
  let index = 0;
  for (let left = offset; left > 0 && index < text.length; left -= 1) {
    index += text.codePointAt(index) > 0xffff ? 2 : 1;
  }
  return index;
}

/** [before, quoted, after] for the code points start..end (end exclusive). */
export function cut(text, start, end) {
  const from = unitIndex(text, start);
  const to = from + unitIndex(text.slice(from), end - start);
  return [text.slice(0, from), text.slice(from, to), text.slice(to)];
}

/** The page's own address of a span: it can be opened, copied and sent. */
export function address({ document_id, page, char_start, char_end, version_id }) {
  const query = new URLSearchParams();
  if (char_end > char_start) query.set("start", char_start), query.set("end", char_end);
  if (version_id) query.set("version", version_id);
  const tail = query.size ? `?${query}` : "";
  return `#/documents/${encodeURIComponent(document_id)}/pages/${page}${tail}`;
}

/** The span an address names, or null. */
export function spanOf(hash) {
  const match = /^#\/documents\/([^/?]+)\/pages\/(\d+)(?:\?(.*))?$/.exec(hash);
  if (!match) return null;
  const query = new URLSearchParams(match[3] ?? "");
  const [start, end] = [Number(query.get("start")), Number(query.get("end"))];
  const marked = Number.isInteger(start) && Number.isInteger(end) && end > start && start >= 0;
  return {
    document_id: decodeURIComponent(match[1]),
    page: Number(match[2]),
    char_start: marked ? start : null,
    char_end: marked ? end : null,
    version_id: query.get("version"),
  };
}

/** [[1,3],[5,5]] → "1–3, 5" */
export function rangesText(ranges) {
  return ranges.map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
}

/** The pages of 1..total in none of `ranges` and not in `others`, as ranges. */
export function missingPages(total, ranges, others) {
  const seen = new Set(others);
  for (const [a, b] of ranges) for (let page = a; page <= b; page += 1) seen.add(page);
  const missing = [];
  for (let page = 1; page <= total; page += 1) {
    if (seen.has(page)) continue;
    const last = missing.at(-1);
    if (last?.[1] === page - 1) last[1] = page;
    else missing.push([page, page]);
  }
  return missing;
}
