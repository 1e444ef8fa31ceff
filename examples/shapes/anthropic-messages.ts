import { isJson, type Json, listOf, questionIn, type Shape } from './shape.ts';

/** Anthropic's messages. */
export const anthropicMessages: Shape = {
  path: '/messages',
  question: (body, provider) => questionIn(body, 'messages', provider),
  collect,
  replay,
  encode: (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
  end: '',
};

/** Which member of a block each kind of delta continues. */
const CONTINUED: Readonly<Record<string, string>> = {
  text_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'signature',
  input_json_delta: 'partial_json',
};

function collect(events: readonly Json[]): Json | undefined {
  const message = events.find(({ type }) => type === 'message_start')?.message;
  if (!isJson(message) || !events.some(({ type }) => type === 'message_stop')) return undefined;
  const blocks: Json[] = [];
  let ending: Json = {};
  let usage = isJson(message.usage) ? message.usage : {};
  for (const { type, index, content_block: block, delta, usage: counted } of events) {
    if (type === 'error') return undefined;
    if (typeof index === 'number' && isJson(block)) blocks[index] = block;
    if (typeof index === 'number' && isJson(delta)) blocks[index] = continued(blocks[index] ?? {}, delta);
    if (type === 'message_delta' && isJson(delta)) ending = { ...ending, ...delta };
    if (type === 'message_delta' && isJson(counted)) usage = { ...usage, ...counted };
  }
  return { ...message, ...ending, usage, content: blocks.map(finished) };
}

function continued(block: Json, delta: Json): Json {
  if (delta.type === 'citations_delta')
    return { ...block, citations: [...listOf(block.citations), delta.citation] };
  const from = CONTINUED[String(delta.type)];
  const name = from === 'partial_json' ? 'input' : from;
  if (from === undefined || name === undefined) return block;
  const before = block[name];
  return { ...block, [name]: (typeof before === 'string' ? before : '') + String(delta[from]) };
}

/** The input of a tool arrives as JSON text. */
const finished = (block: Json): Json =>
  typeof block.input === 'string'
    ? { ...block, input: JSON.parse(block.input === '' ? '{}' : block.input) }
    : block;

function replay(body: Json): Json[] {
  const { content, stop_reason, stop_sequence = null, ...about } = body;
  const start = { ...about, content: [], stop_reason: null, stop_sequence: null };
  return [
    { type: 'message_start', message: start },
    ...listOf(content).flatMap(replayBlock),
    { type: 'message_delta', delta: { stop_reason, stop_sequence }, usage: body.usage },
    { type: 'message_stop' },
  ];
}

function replayBlock(block: Json, index: number): Json[] {
  const opened: Json = { ...block };
  const deltas: Json[] = listOf(block.citations).map((citation) => ({ type: 'citations_delta', citation }));
  if (deltas.length > 0) opened.citations = [];
  for (const [type, from] of Object.entries(CONTINUED)) {
    const name = from === 'partial_json' ? 'input' : from;
    const value = block[name];
    if (name === 'input' && isJson(value)) {
      opened.input = {};
      deltas.push({ type, partial_json: JSON.stringify(value) });
    } else if (typeof value === 'string') {
      opened[name] = '';
      deltas.push({ type, [from]: value });
    }
  }
  return [
    { type: 'content_block_start', index, content_block: opened },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}
