/** Spans and their addresses. Offsets are Unicode code points; JavaScript counts UTF-16 units. */

/** [before, quoted, after] for the code points start..end (end exclusive). */
export function cut(text, start, end) {
  const points = [...text];
  return [points.slice(0, start), points.slice(start, end), points.slice(end)]
    .map((part) => part.join(""));
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
  const query = new URLSearchParams(match[3]);
  const [start, end] = [Number(query.get("start")), Number(query.get("end"))];
  const marked = Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end;
  return {
    document_id: decodeURIComponent(match[1]),
    page: Number(match[2]),
    version_id: query.get("version"),
    char_start: marked ? start : null,
    char_end: marked ? end : null,
  };
}
