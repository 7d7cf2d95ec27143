/** Server-sent events read from a fetch body, for EventSource can't POST. */

/** The events of a byte stream as {name, data}, their data parsed as JSON; comments are skipped. */
export async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return; // an event cut off by the end is dropped, as the standard has it
    const blocks = (buffer + value).split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon), line.slice(colon + 2)];
      }));
      if (fields.data) yield { name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
