import { isJson, type Json, listOf, questionIn, type Shape } from './shape.ts';

/** OpenAI's Responses. One that runs in the background, or belongs to a conversation, has no whole answer to store. */
export const openAiResponses: Shape = {
  path: '/responses',
  question: (body, provider) =>
    body.background === true || body.conversation != null ? undefined : questionIn(body, 'input', provider),
  collect: (events) => {
    const last = events.findLast(({ type }) => type === 'response.completed');
    return isJson(last?.response) ? last.response : undefined;
  },
  replay,
  encode: (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
  end: '',
};

function replay(body: Json): Json[] {
  const started = { ...body, status: 'in_progress', output: [], usage: null };
  return [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    ...listOf(body.output).flatMap(replayItem),
    { type: 'response.completed', response: body },
  ].map((event, sequence_number) => ({ ...event, sequence_number }));
}

function replayItem(item: Json, output_index: number): Json[] {
  const about = { output_index, item_id: item.id };
  const isMessage = item.type === 'message';
  const call = item.type === 'function_call' ? { arguments: item.arguments } : undefined;
  const opened = {
    ...item,
    status: 'in_progress',
    ...(isMessage && { content: [] }),
    ...(call && { arguments: '' }),
  };
  return [
    { type: 'response.output_item.added', output_index, item: opened },
    ...(isMessage ? listOf(item.content).flatMap((part, at) => replayPart(part, at, about)) : []),
    ...(call === undefined
      ? []
      : [
          { type: 'response.function_call_arguments.delta', ...about, delta: call.arguments },
          { type: 'response.function_call_arguments.done', ...about, name: item.name, ...call },
        ]),
    { type: 'response.output_item.done', output_index, item },
  ];
}

function replayPart(part: Json, content_index: number, about: Json): Json[] {
  const place = { ...about, content_index };
  const { text } = part;
  return [
    {
      type: 'response.content_part.added',
      ...place,
      part: typeof text === 'string' ? { ...part, text: '' } : part,
    },
    ...(typeof text === 'string'
      ? [
          { type: 'response.output_text.delta', ...place, delta: text },
          { type: 'response.output_text.done', ...place, text },
        ]
      : []),
    { type: 'response.content_part.done', ...place, part },
  ];
}
