/**
 * Server-sent events read from a fetch body (EventSource can't POST).
 * Follows the HTML standard's "interpreting an event stream": LF, CR and CRLF end a line, data
 * lines are joined by LF, comments are skipped, an event cut off by the end is dropped.
 */

export class EventParser {
  #buffer = "";
  #data = [];
  #name = "";
  #id = "";

  /** Take a piece of text, cut anywhere; return the events it completed as {name, data, id}. */
  push(text) {
    this.#buffer += text;
    const events = [];
    for (;;) {
      const end = this.#buffer.search(/[\r\n]/);
      // A CR at the very end may be half of a CRLF: wait for what follows.
      if (end < 0 || (this.#buffer[end] === "\r" && end === this.#buffer.length - 1)) break;
      const width = this.#buffer.startsWith("\r\n", end) ? 2 : 1;
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + width);
      if (line === "") this.#dispatch(events);
      else this.#field(line);
    }
    return events;
  }

  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#name = value;
    else if (name === "id") this.#id = value;
  }

  #dispatch(events) {
    if (this.#data.length) {
      events.push({ name: this.#name || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#data = [];
    this.#name = "";
  }
}

/** The events of a byte stream, their data parsed as JSON. */
export async function* eventsOf(stream) {
  const parser = new EventParser();
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(value)) yield { ...event, data: JSON.parse(event.data) };
  }
}
