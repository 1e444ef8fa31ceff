/** A response that arrives as text can be the provider's JSON, its event stream (SSE) or its lines of JSON. */

/** A list of texts can be such lines or events as well. */
export function parseBody(response: unknown): unknown {
  if (typeof response === 'string') return parseText(response);
  if (!Array.isArray(response) || !response.every((part) => typeof part === 'string')) return response;
  const parsed = parseText(response.join('\n'));
  return typeof parsed === 'string' ? response : parsed;
}

/** @returns the JSON value or the list of events that the text holds; the text itself if it holds neither */
function parseText(text: string): unknown {
  const start = text.trimStart();
  if (/^[{[]/.test(start)) return parseObject(start) ?? parseLines(start) ?? text;
  if (/^(?:data|event|id|retry)?:/.test(start)) return parseEventStream(start) ?? text;
  return text;
}

/** Whole lines of JSON objects; the last can be cut off. */
function parseLines(text: string): object[] | undefined {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length < 2) return undefined;
  const values: object[] = [];
  for (const [at, line] of lines.entries()) {
    const value = parseObject(line);
    if (value !== undefined) values.push(value);
    else if (at < lines.length - 1) return undefined;
  }
  return values;
}

/** The objects in the `data` fields of an event stream. Others, such as `[DONE]` and one that is cut off, are left out. */
function parseEventStream(text: string): object[] | undefined {
  const events: object[] = [];
  let data: string[] = [];
  for (const line of [...text.split(/\r\n|\n|\r/), '']) {
    if (line.startsWith('data:')) data.push(line.slice('data:'.length));
    if (line !== '' || data.length === 0) continue;
    const event = parseObject(data.join('\n'));
    if (event !== undefined) events.push(event);
    data = [];
  }
  return events.length === 0 ? undefined : events;
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
