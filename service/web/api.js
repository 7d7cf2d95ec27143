/** The REST interface as functions. Knows HTTP and problem documents, nothing of the page. */

let skew = 0;

/** A problem document (RFC 9457), or the lack of any answer (code `network`). */
export class ApiError extends Error {
  constructor({ code = "network", title = "", detail = "" } = {}) {
    super(detail || title || code);
    Object.assign(this, { code, title, detail });
  }
}

/** The service's clock in epoch seconds; the two machines may disagree. */
export const serverNow = () => Date.now() / 1000 + skew;

function problemOf(status, text) {
  try {
    return new ApiError({ code: `http_${status}`, ...JSON.parse(text) });
  } catch {
    return new ApiError({ code: `http_${status}`, title: `HTTP ${status}` });
  }
}

/** The raw response; raises ApiError, or AbortError when `signal` fired. */
export async function request(path, { method = "GET", body, signal } = {}) {
  const content = body && { headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, { method, signal, ...content });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ApiError();
  }
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (date) skew = (date - Date.now()) / 1000;
  if (!response.ok) throw problemOf(response.status, await response.text());
  return response;
}

/** `/v1/…` with every value encoded, and a query of what is not null. */
export function url(parts, query = {}) {
  const path = ["/v1", ...parts.map(encodeURIComponent)].join("/");
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}

const api = async (path, options) => {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
};
export const get = (parts, query) => api(url(parts, query));
export const post = (parts, body) => api(url(parts), { method: "POST", body });
export const remove = (parts) => api(url(parts), { method: "DELETE" });

/** {ready, parts}; a 503 carries the same body and says which part is missing. */
export async function readiness() {
  try {
    return await (await fetch("/readyz")).json();
  } catch {
    return { ready: false, parts: {}, offline: true };
  }
}

/** Send one file; XMLHttpRequest because fetch tells nothing about upload progress. */
export function upload(collectionId, file, onProgress) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const form = new FormData();
    form.append("files", file, file.name);
    xhr.upload.onprogress = ({ loaded, total }) => onProgress(loaded / Math.max(total, 1));
    xhr.onload = () => {
      if (xhr.status < 300) resolve(JSON.parse(xhr.responseText));
      else reject(problemOf(xhr.status, xhr.responseText));
    };
    xhr.onerror = () => reject(new ApiError());
    xhr.open("POST", url(["collections", collectionId, "documents"]));
    xhr.send(form);
  });
}
