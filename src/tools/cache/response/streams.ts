/** Reads the collected events of a stream into the form of a whole body. A stream without its last event was cut off. */
import { isObject, member } from '../member.ts';
import { isFailure } from './failure.ts';
import { type ModelAnswer, type Reading, readShape } from './shapes.ts';

type Events = readonly object[];
type Family = (events: Events) => Reading | undefined;

/** @returns undefined if the list is no stream of a known provider */
export function readStream(list: readonly unknown[]): Reading | undefined {
  const events = list.filter((event) => event !== '[DONE]');
  if (events.length === 0 || !events.every(isObject)) return undefined;
  const isFailed = events.some(isFailure);
  const parts = isFailed ? events.filter((event) => !isFailure(event)) : events;
  for (const family of FAMILIES) {
    const reading = family(parts);
    if (reading !== undefined) return isFailed ? { ...reading, problem: 'failed' } : reading;
  }
  return undefined;
}

/** Anthropic, also inside InvokeModel. */
const anthropic: Family = (events) => {
  if (!hasType(events, 'message_start') && !hasType(events, 'content_block_delta')) return undefined;
  const deltas = ofType(events, 'message_delta').map((event) => member(event, 'delta'));
  const parts = events.map((event) => member(event, 'content_block') ?? blockDelta(event));
  return ended(hasType(events, 'message_stop'), lastOf(deltas, 'stop_reason'), parts);
};

const blockDelta = (event: object) =>
  member(event, 'type') === 'content_block_delta' ? member(event, 'delta') : undefined;

/** OpenAI Responses: the last event has the whole response. */
const responses: Family = (events) => {
  if (!events.some((event) => String(member(event, 'type')).startsWith('response.'))) return undefined;
  const last = events.findLast((event) => FINAL_TYPE.test(String(member(event, 'type'))));
  return readShape(member(last, 'response')) ?? { problem: 'truncated', answers: [] };
};
const FINAL_TYPE = /^response\.(?:completed|incomplete|failed|cancelled|done)$/;

/** Bedrock ConverseStream names each event by its only member. */
const converse: Family = (events) => {
  if (!events.some((event) => Object.hasOwn(event, 'messageStart') || Object.hasOwn(event, 'messageStop')))
    return undefined;
  const stops = events.map((event) => member(event, 'messageStop')).filter(isObject);
  const parts = events.map((event) => [
    member(member(event, 'contentBlockStart'), 'start'),
    member(member(event, 'contentBlockDelta'), 'delta'),
  ]);
  return ended(stops.length > 0, lastOf(stops, 'stopReason'), parts);
};

const cohere: Family = (events) => {
  const ends = ofType(events, 'message-end');
  if (ends.length === 0 && !hasType(events, 'message-start')) return undefined;
  const parts = events.map((event) => member(member(event, 'delta'), 'message'));
  const deltas = ends.map((event) => member(event, 'delta'));
  const isFailed = deltas.some((delta) => Boolean(member(delta, 'error')));
  return isFailed
    ? { problem: 'failed', answers: [] }
    : ended(ends.length > 0, lastOf(deltas, 'finish_reason'), parts);
};

/** Cohere v1: the last event repeats the whole response. */
const cohereV1: Family = (events) => {
  if (!events.some((event) => Object.hasOwn(event, 'event_type'))) return undefined;
  const last = events.findLast((event) => member(event, 'event_type') === 'stream-end');
  const parts = [member(last, 'response'), ...events.map((event) => member(event, 'text'))];
  return ended(last !== undefined, member(last, 'finish_reason'), parts);
};

/** The parts of the AI SDK. */
const aiSdk: Family = (events) => {
  const finishes = ofType(events, 'finish');
  if (finishes.length === 0 && !hasType(events, 'text-delta') && !hasType(events, 'stream-start'))
    return undefined;
  const parts = events.filter((event) =>
    /^(?:text-delta|tool-call|file)$/.test(String(member(event, 'type'))),
  );
  return ended(finishes.length > 0, lastOf(finishes, 'finishReason'), parts);
};

/** Chunks that each have the shape of a body: OpenAI, Gemini, Ollama. Also a list of whole bodies. */
const bodies: Family = (events) => {
  const readings = events.map(readShape);
  if (readings.includes(undefined)) return undefined;
  const problem = readings.find((reading) => reading?.problem !== undefined)?.problem;
  const byIndex = Map.groupBy(
    readings.flatMap((reading) => reading?.answers ?? []),
    (answer) => answer.index,
  );
  const answers = [...byIndex.values()].flatMap(joined);
  const isCut = events.length > 1 && answers.some(({ finish }) => finish === undefined);
  return { problem: problem ?? (isCut ? 'truncated' : undefined), answers };
};

/** One answer for each finish reason that the chunks of an answer report, and one if they report none. */
function joined(chunks: readonly ModelAnswer[]): ModelAnswer[] {
  const content = chunks.map((chunk) => chunk.content);
  const finishes = chunks.map((chunk) => chunk.finish).filter((finish) => finish != null);
  return (finishes.length === 0 ? [undefined] : finishes).map((finish) => ({ index: 0, finish, content }));
}

const FAMILIES: readonly Family[] = [anthropic, responses, converse, cohere, cohereV1, aiSdk, bodies];

const hasType = (events: Events, type: string) => events.some((event) => member(event, 'type') === type);
const ofType = (events: Events, type: string) => events.filter((event) => member(event, 'type') === type);
const lastOf = (list: readonly unknown[], name: string) =>
  list.map((value) => member(value, name)).findLast((value) => value != null);

function ended(isWhole: boolean, finish: unknown, content: unknown): Reading {
  return isWhole ? { answers: [{ index: 0, finish, content }] } : { problem: 'truncated', answers: [] };
}
