/** The REST interface as functions. Knows HTTP and problem documents, nothing of the page. */

const listeners = [];
let skew = 0;
let online = true;

/** A problem document (RFC 9457), or the lack of any answer (code `network`). */
export class ApiError extends Error {
  constructor({ status = 0, code = "network", title = "", detail = "" } = {}) {
    super(detail || title || code);
    Object.assign(this, { status, code, title, detail });
  }
}

/** Call `listener(boolean)` when the service stops or starts to answer. */
export const onConnection = (listener) => listeners.push(listener);

/** The service's clock in epoch seconds; the two machines may disagree. */
export const serverNow = () => Date.now() / 1000 + skew;

function connection(state) {
  if (state !== online) for (const listener of listeners) listener(state);
  online = state;
}

function problemOf(status, text) {
  try {
    const { code, title, detail } = JSON.parse(text);
    return new ApiError({ status, code: code ?? `http_${status}`, title, detail });
  } catch {
    return new ApiError({ status, code: `http_${status}`, title: `HTTP ${status}` });
  }
}

/** The raw response; raises ApiError, or AbortError when `signal` fired. */
export async function request(path, { method = "GET", body, signal, accept } = {}) {
  const headers = { Accept: accept ?? "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection(false);
    throw new ApiError();
  }
  connection(true);
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (date) skew = (date - Date.now()) / 1000;
  if (!response.ok) throw problemOf(response.status, await response.text());
  return response;
}

export async function api(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

/** {ready, parts}; a 503 carries the same body and says which part is missing. */
export async function readiness() {
  try {
    return await (await fetch("/readyz")).json();
  } catch {
    return { ready: false, parts: {}, offline: true };
  }
}

/** `/v1/…` with every value encoded, and a query of what is not null. */
export function url(parts, query = {}) {
  const path = ["/v1", ...parts.map(encodeURIComponent)].join("/");
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return kept.length ? `${path}?${new URLSearchParams(kept)}` : path;
}

export const get = (parts, query) => api(url(parts, query));
export const post = (parts, body) => api(url(parts), { method: "POST", body });
export const remove = (parts) => api(url(parts), { method: "DELETE" });

/** A finished job with its result, whether or not the listing carried it. */
export async function withResult(job) {
  if (job.status !== "succeeded" || job.result) return job;
  return get(["jobs", job.id]);
}

/** Send one file; XMLHttpRequest because fetch tells nothing about upload progress. */
export function upload(collectionId, file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const form = new FormData();
    form.append("files", file, file.name);
    xhr.upload.onprogress = (event) => onProgress(event.loaded / Math.max(event.total, 1));
    xhr.onload = () => {
      if (xhr.status < 300) resolve(JSON.parse(xhr.responseText));
      else reject(problemOf(xhr.status, xhr.responseText));
    };
    xhr.onerror = () => reject(new ApiError());
    xhr.onabort = () => reject(new ApiError({ code: "stopped" }));
    signal.addEventListener("abort", () => xhr.abort());
    xhr.open("POST", url(["collections", collectionId, "documents"]));
    xhr.setRequestHeader("Accept", "application/json");
    xhr.send(form);
  });
}
