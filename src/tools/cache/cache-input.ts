import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { optionalName, text } from '../fields.ts';
import type { Sql } from '../tool.ts';
import { KEY_CHARS, KEY_PATTERN, MAX_QUESTION_CHARS, type QuestionInput, questionKey } from './key.ts';
import { searchableText } from './text.ts';

/** How `cache_get` and `cache_set` are told which answer is meant, and what is known of it. */

const MAX_MESSAGES = 2000;
const MAX_MODEL_CHARS = 256;
export const DEFAULT_NAMESPACE = 'default';
/** Missed questions that are remembered; the oldest are forgotten in batches. */
export const MAX_ASKED = 2000;
const FORGET_EVERY = 64;

const NOT_A_KEY = { error: 'must be a key from an answer: 64 lower-case hex digits' };
export const cacheKey = () => z.string().length(KEY_CHARS, NOT_A_KEY).regex(KEY_PATTERN, NOT_A_KEY);
export const modelName = () => text(1, MAX_MODEL_CHARS);
export const namespace = () => optionalName();

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

export const questionFields = {
  model: modelName().optional().describe('Required with messages or prompt.'),
  messages: z
    .array(z.unknown())
    .min(1)
    .max(MAX_MESSAGES)
    .optional()
    .describe('The messages, exactly as sent to the model.'),
  prompt: z
    .string()
    .min(1)
    .max(MAX_QUESTION_CHARS)
    .optional()
    .describe('Instead of messages: the prompt as one text.'),
  key: cacheKey().optional().describe('Instead of messages or prompt: the key from an earlier answer.'),
  provider: text(1, 128).optional(),
  // Not z.record, which drops a member named __proto__: two questions would get one key.
  params: z
    .unknown()
    .refine(isObject, { error: 'must be a JSON object' })
    .meta({ type: 'object', additionalProperties: true })
    .optional()
    .describe(
      'Every parameter of the model call, such as temperature, tools or response_format; each one counts.',
    ),
  namespace: namespace().describe('Keeps answers apart, for example by application.'),
  variant: text(1, 128).optional().describe('Tells several wanted answers to one question apart.'),
};

export const questionLog = {
  model: 'plain',
  messages: 'omit',
  prompt: 'omit',
  key: 'plain',
  provider: 'plain',
  params: 'omit',
  namespace: 'plain',
  variant: 'plain',
} as const;

type QuestionArgs = z.output<z.ZodObject<typeof questionFields>>;

/** The answer that is meant: by what was asked, or by its key and what the caller says of it. */
export type Asked =
  | {
      readonly by: 'question';
      readonly key: string;
      readonly ns: string;
      readonly model: string;
      readonly input: QuestionInput;
    }
  | {
      readonly by: 'key';
      readonly key: string;
      readonly ns: string | undefined;
      readonly model: string | undefined;
    };

/** @throws ToolError `invalid_input` unless exactly one of `messages`, `prompt` and `key` names the answer */
export function askedFor(args: QuestionArgs): Asked {
  const given = (['messages', 'prompt', 'key'] as const).filter((name) => args[name] !== undefined);
  if (given.length !== 1) {
    throw invalidInput(given[1] ?? 'messages', 'Give exactly one of messages, prompt and key.');
  }
  if (args.key !== undefined) return byKey(args.key, args);
  const { model } = args;
  if (model === undefined) throw invalidInput('model', 'model is required with messages or prompt.');
  const input: QuestionInput =
    args.messages === undefined ? { prompt: args.prompt ?? '' } : { messages: args.messages };
  const ns = args.namespace ?? DEFAULT_NAMESPACE;
  const key = questionKey({ ...args, namespace: ns, model, input });
  return { by: 'question', key, ns, model, input };
}

function byKey(key: string, args: QuestionArgs): Asked {
  const covered = (['provider', 'params', 'variant'] as const).find((name) => args[name] !== undefined);
  if (covered !== undefined) {
    throw invalidInput(covered, `Leave out ${covered} when a key is given: the key stands for it.`);
  }
  return { by: 'key', key, ns: args.namespace, model: args.model };
}

/** Namespace, model and words of a question. */
export interface Labels {
  readonly ns: string;
  readonly model: string;
  readonly text: string;
}

/** Refuses a namespace or model that is not the one the key was made with. */
export function requireSame(asked: Asked, known: { readonly ns: string; readonly model: string }): void {
  if (asked.by !== 'key') return;
  const wrong =
    (asked.ns ?? known.ns) !== known.ns
      ? 'namespace'
      : (asked.model ?? known.model) !== known.model
        ? 'model'
        : undefined;
  if (wrong === undefined) return;
  throw invalidInput(
    wrong,
    `${wrong} is not the one that this key was made with; leave it out or correct it.`,
  );
}

/** Keeps what a missed question was, so that its answer can be stored by the key alone. */
export function remember(sql: Sql, key: string, { ns, model, text: words }: Labels): void {
  const [row] = sql.exec<{ id: number }>(
    'INSERT OR REPLACE INTO cache_asked (key, ns, model, text) VALUES (?, ?, ?, ?) RETURNING id',
    key,
    ns,
    model,
    words,
  );
  if (row !== undefined && row.id % FORGET_EVERY === 0)
    sql.exec('DELETE FROM cache_asked WHERE id <= ?', row.id - MAX_ASKED);
}

/** What is known of the question: from the call itself, or from the miss that gave the key. */
export function labelsOf(sql: Sql, asked: Asked): Labels | undefined {
  if (asked.by === 'question') return { ns: asked.ns, model: asked.model, text: searchableText(asked.input) };
  const [row] = sql.exec<{ ns: string; model: string; text: string }>(
    'SELECT ns, model, text FROM cache_asked WHERE key = ?',
    asked.key,
  );
  if (row !== undefined) requireSame(asked, row);
  return row;
}
