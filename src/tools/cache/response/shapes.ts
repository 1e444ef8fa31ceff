/** Reads the bodies of known providers into one form. A body of no known shape has no reading, and is judged as data. */
import { isObject, isPresent, member } from '../member.ts';
import { FINISH_NAMES, type UncacheableReason } from './finish-reasons.ts';

/** One of the answers that a body contains; most contain one. */
export interface ModelAnswer {
  readonly index: number;
  readonly finish: unknown;
  /** The message or its parts, see `whatIsSaid`. */
  readonly content: unknown;
}

export interface Reading {
  /** What is wrong with the body as a whole, if anything. */
  readonly problem?: UncacheableReason | undefined;
  readonly answers: readonly ModelAnswer[];
}

type Shape = (body: object) => Reading | undefined;

/** The body as one of the known shapes; the first that fits. */
export function readShape(body: unknown): Reading | undefined {
  if (!isObject(body)) return undefined;
  for (const shape of SHAPES) {
    const reading = shape(body);
    if (reading !== undefined) return reading;
  }
  return undefined;
}

/** OpenAI, Mistral and everything that is compatible: chat completions, their chunks, and legacy completions. */
const choices: Shape = (body) => {
  const list = member(body, 'choices');
  if (!Array.isArray(list)) return undefined;
  return {
    problem: problemOfChoices(list),
    answers: list.map((choice: unknown, at) => ({
      index: indexOf(choice, at),
      finish: finishOf(choice),
      content: ['message', 'delta', 'text'].map((name) => member(choice, name)),
    })),
  };
};

function problemOfChoices(list: readonly unknown[]): UncacheableReason | undefined {
  if (list.some((choice) => isPresent(member(choice, 'error')))) return 'failed';
  return list.some((choice) => isFiltered(member(choice, 'content_filter_results'))) ? 'filtered' : undefined;
}

/** Azure names each kind of content with whether it was filtered. */
const isFiltered = (results: unknown) =>
  isObject(results) && Object.values(results).some((kind) => member(kind, 'filtered') === true);

/** Gemini, as REST and as its Python client print it. */
const candidates: Shape = (body) => {
  const list = member(body, 'candidates');
  const feedback = member(body, 'promptFeedback') ?? member(body, 'prompt_feedback');
  const isBlocked = isPresent(member(feedback, 'blockReason') ?? member(feedback, 'block_reason'));
  const hasUsage = isObject(member(body, 'usageMetadata'));
  if (!Array.isArray(list) && !isBlocked && !hasUsage) return undefined;
  return {
    problem: isBlocked ? 'filtered' : undefined,
    answers: (Array.isArray(list) ? list : []).map((candidate: unknown, at) => ({
      index: indexOf(candidate, at),
      finish: finishOf(candidate),
      content: member(candidate, 'content'),
    })),
  };
};

const converse: Shape = (body) => {
  const message = member(member(body, 'output'), 'message');
  if (message === undefined) return undefined;
  return { answers: [{ index: 0, finish: member(body, 'stopReason'), content: message }] };
};

/** OpenAI Responses, and Replicate: a status beside an output. */
const withStatus: Shape = (body) => {
  const isResponse = member(body, 'object') === 'response';
  const hasAll = ['id', 'status', 'output', 'error'].every((name) => Object.hasOwn(body, name));
  if (!isResponse && !hasAll) return undefined;
  const status = member(body, 'status');
  const cause = member(member(body, 'incomplete_details'), 'reason');
  const output = member(body, 'output');
  const content = [output, member(body, 'output_text')];
  const isCut =
    Array.isArray(output) && output.some((item: unknown) => member(item, 'status') === 'incomplete');
  return {
    problem: isCut && status === 'completed' ? 'truncated' : undefined,
    answers: [{ index: 0, finish: status === 'incomplete' ? (cause ?? status) : status, content }],
  };
};

/** Models on Bedrock and elsewhere that answer a list under some name: Titan, Mistral, Cohere, AI21. */
const listed: Shape = (body) => {
  for (const name of ['results', 'outputs', 'generations', 'completions']) {
    const list = member(body, name);
    if (!Array.isArray(list) || (list.length === 0 && name !== 'generations')) continue;
    if (!list.every(hasFinish)) continue;
    return {
      answers: list.map((item: unknown, at) => ({ index: at, finish: finishOf(item), content: item })),
    };
  }
  return undefined;
};

/** One message with its finish reason: Anthropic, Cohere, Llama, the AI SDK. A filter of Bedrock marks it as well. */
const single: Shape = (body) => {
  const isMessage = member(body, 'type') === 'message' && Array.isArray(member(body, 'content'));
  if (!isMessage && !hasFinish(body)) return undefined;
  const guardrail = member(body, 'amazon-bedrock-guardrailAction');
  return {
    problem: guardrail === 'INTERVENED' ? 'filtered' : undefined,
    answers: [{ index: 0, finish: finishOf(body), content: body }],
  };
};

/** Ollama: the last of its lines, or its only body, is `done`. Old releases give no reason. */
const ollama: Shape = (body) => {
  const done = member(body, 'done');
  const content = member(body, 'message') ?? member(body, 'response');
  if (typeof done !== 'boolean' || content === undefined || !Object.hasOwn(body, 'model')) return undefined;
  const finish = done ? (finishOf(body) ?? 'stop') : undefined;
  return { answers: [{ index: 0, finish, content }] };
};

const SHAPES: readonly Shape[] = [choices, candidates, converse, withStatus, ollama, listed, single];

/** Where a finish reason stands beside a message: LangChain, Text Generation Inference. */
const HOLDERS = ['response_metadata', 'generation_info', 'details'] as const;

/** The finish reason of an answer, under whichever name. */
export function finishOf(answer: unknown): unknown {
  const own = FINISH_NAMES.map((name) => member(answer, name)).find((value) => value != null);
  return own ?? HOLDERS.map((name) => member(answer, name)).flatMap(ownFinish)[0];
}

const ownFinish = (holder: unknown) =>
  FINISH_NAMES.map((name) => member(holder, name)).filter((value) => value != null);

const hasFinish = (answer: unknown) =>
  isObject(answer) &&
  (FINISH_NAMES.some((name) => Object.hasOwn(answer, name)) ||
    HOLDERS.some((name) => ownFinish(member(answer, name)).length > 0));

function indexOf(answer: unknown, position: number): number {
  const index = member(answer, 'index');
  return typeof index === 'number' ? index : position;
}
