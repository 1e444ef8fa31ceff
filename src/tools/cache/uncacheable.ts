import { saidByMessage, whatIsSaid } from './response/content.ts';
import { isFailure, isOnlyErrorMessage } from './response/failure.ts';
import { judgeFinishReason, type UncacheableReason } from './response/finish-reasons.ts';
import { type Reading, readShape } from './response/shapes.ts';
import { readStream } from './response/streams.ts';
import { parseBody } from './response/text-body.ts';

export type { UncacheableReason } from './response/finish-reasons.ts';

/**
 * Why a response is not stored; undefined if it is good.
 *
 * Bodies of known providers are read as JSON, as text that holds their JSON or event stream, and as lists of their chunks. Each
 * answer in them must end with a finish reason that is known to be good, and say something. Text and data of no known shape
 * are good unless they are empty or an error.
 * @param finishReason as the caller gave it. It must be good as well, and stands in for one that the body lacks.
 */
export function uncacheableReason(
  response: unknown,
  finishReason: string | undefined,
): UncacheableReason | undefined {
  const body = parseBody(response);
  if (isFailure(body) || isListOfFailures(body) || isOnlyErrorMessage(response)) return 'failed';
  const reading = Array.isArray(body) ? readStream(body) : readShape(body);
  const stated = finishReason === undefined ? undefined : judgeFinishReason(finishReason);
  if (reading === undefined) return stated ?? judgeData(body);
  return reading.problem ?? judgeFinishes(reading, finishReason) ?? stated ?? judgeContent(reading);
}

const isListOfFailures = (body: unknown) => Array.isArray(body) && body.length > 0 && body.every(isFailure);

function judgeData(body: unknown): UncacheableReason | undefined {
  if (isEmpty(body)) return 'empty';
  return REASON_OF[saidByMessage(body)];
}
const REASON_OF = { refusal: 'refused', nothing: 'empty', content: undefined } as const;

function judgeFinishes({ answers }: Reading, stated: string | undefined): UncacheableReason | undefined {
  const judged = answers.map(({ finish }) => judgeFinishReason(finish ?? stated));
  return judged.find((reason) => reason !== undefined);
}

function judgeContent({ answers }: Reading): UncacheableReason | undefined {
  const said = answers.map(({ content }) => whatIsSaid(content));
  if (said.includes('refusal')) return 'refused';
  return said.length === 0 || said.includes('nothing') ? 'empty' : undefined;
}

/** Whether a value has nothing in it: blank text, null, [] or {}. */
export function isEmpty(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() === '';
  if (typeof value !== 'object') return false;
  return value === null || Object.keys(value).length === 0;
}
