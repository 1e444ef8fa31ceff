import { isJson, type Json, listOf, questionIn, type Shape } from './shape.ts';

/** OpenAI's chat completions, which many providers offer as well. */
export const openAiChat: Shape = {
  path: '/chat/completions',
  question: (body, provider) => questionIn(body, 'messages', provider),
  collect,
  replay,
  encode: (event) => `data: ${JSON.stringify(event)}\n\n`,
  end: 'data: [DONE]\n\n',
};

function collect(chunks: readonly Json[]): Json | undefined {
  const choices = new Map<unknown, Json>();
  for (const chunk of chunks) {
    if (!Array.isArray(chunk.choices)) return undefined;
    for (const choice of listOf(chunk.choices))
      choices.set(choice.index, addToChoice(choices.get(choice.index), choice));
  }
  const [first] = chunks;
  const isComplete =
    choices.size > 0 && [...choices.values()].every((choice) => choice.finish_reason != null);
  if (first === undefined || !isComplete) return undefined;
  const usage = chunks.findLast((chunk) => isJson(chunk.usage))?.usage;
  return {
    ...first,
    object: 'chat.completion',
    choices: [...choices.values()],
    ...(usage !== undefined && { usage }),
  };
}

function addToChoice(before: Json | undefined, { delta, ...choice }: Json): Json {
  const message = isJson(before?.message) ? before.message : { role: 'assistant', content: null };
  const finish_reason = choice.finish_reason ?? before?.finish_reason ?? null;
  return { ...choice, message: isJson(delta) ? addToMessage(message, delta) : message, finish_reason };
}

/** Texts continue those before them, tool calls by their index; anything else replaces what was there. */
function addToMessage(message: Json, delta: Json): Json {
  const added: Json = { ...message };
  for (const [name, value] of Object.entries(delta)) {
    const before = added[name];
    if (name === 'tool_calls') added[name] = addToCalls(listOf(before), listOf(value));
    else if (name !== 'role' && typeof value === 'string' && typeof before === 'string')
      added[name] = before + value;
    else if (value !== null) added[name] = value;
  }
  return added;
}

function addToCalls(before: readonly Json[], deltas: readonly Json[]): Json[] {
  const calls = [...before];
  for (const { index, ...delta } of deltas) {
    const at = typeof index === 'number' ? index : calls.length;
    const call = calls[at];
    const [known, more] = [call?.function, delta.function];
    calls[at] = {
      ...call,
      ...delta,
      ...(isJson(known) && isJson(more) && { function: { ...known, ...addToMessage(known, more) } }),
    };
  }
  return calls;
}

function replay(body: Json, request: Json): Json[] {
  const { choices, usage, ...about } = body;
  const chunk = (parts: readonly Json[]) => ({ ...about, object: 'chat.completion.chunk', choices: parts });
  const options = isJson(request.stream_options) ? request.stream_options : {};
  return [
    ...listOf(choices).flatMap(({ message, finish_reason, index, ...rest }) => [
      chunk([{ index, delta: isJson(message) ? deltaOf(message) : {}, ...rest, finish_reason: null }]),
      chunk([{ index, delta: {}, finish_reason }]),
    ]),
    ...(options.include_usage === true && isJson(usage) ? [{ ...chunk([]), usage }] : []),
  ];
}

function deltaOf({ tool_calls: calls, ...message }: Json): Json {
  return Array.isArray(calls)
    ? { ...message, tool_calls: listOf(calls).map((call, index) => ({ index, ...call })) }
    : message;
}
