/** The arguments by which `cache_get` and `cache_set` name an entry, and what is known about the question behind its key. */
import * as z from 'zod';
import { invalidInput, noneOf, notWith } from '../errors.ts';
import { optionalName, text } from '../fields.ts';
import type { Sql, ToolContext } from '../tool.ts';
import { usedBy } from '../totals.ts';
import { KEY_CHARS, KEY_PATTERN, MAX_QUESTION_CHARS, type QuestionInput } from './key.ts';
import { givenKey, keyInUse, type VersionedKey } from './key-in-use.ts';
import { isObject } from './member.ts';
import { searchableText } from './question-text.ts';

const MAX_MESSAGES = 2000;
const MAX_MODEL_CHARS = 256;
export const DEFAULT_NAMESPACE = 'default';
/** How many missed questions are stored. The oldest are deleted in batches, so up to 63 more can exist for a while. */
export const MAX_MISSED_QUESTIONS = 2000;
/** What they may take, beyond the storage quota. The oldest are deleted first. */
export const MAX_MISSED_QUESTION_BYTES = 4 * 1024 * 1024;
const PRUNE_EVERY = 64;
/** How many are deleted when they take too much: the smallest of them take as much as the largest that there can be. */
const PRUNED_AT_ONCE = 64;

const NOT_A_KEY = { error: 'must be a key returned by the cache: 64 lower-case hex digits' };
export const cacheKey = () => z.string().length(KEY_CHARS, NOT_A_KEY).regex(KEY_PATTERN, NOT_A_KEY);
export const modelName = () => text(1, MAX_MODEL_CHARS);
export const namespace = () => optionalName();

export const questionFields = {
  model: modelName().optional(),
  messages: z
    // Messages are objects to every provider. Whatever is sent is taken as it is.
    .array(z.unknown().meta({ type: 'object' }))
    .min(1)
    .max(MAX_MESSAGES)
    .optional()
    .describe('As sent to the model.'),
  prompt: z.string().min(1).max(MAX_QUESTION_CHARS).optional().describe('Instead of messages.'),
  key: cacheKey().optional().describe('Instead of both: from an earlier answer.'),
  provider: text(1, 128).optional(),
  // z.record would drop a member named __proto__, and then two different questions would get the same key.
  params: z
    .unknown()
    .refine(isObject, { error: 'must be a JSON object' })
    .meta({ type: 'object', additionalProperties: true })
    .optional()
    .describe('temperature, tools …: each counts.'),
  namespace: namespace(),
  variant: text(1, 128).optional().describe('Tells several answers apart.'),
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

/** Names an entry, either by the whole question or by its key. By key, namespace and model are only what the caller claims. */
export type EntryRef = VersionedKey &
  (
    | {
        readonly by: 'question';
        readonly ns: string;
        readonly model: string;
        readonly input: QuestionInput;
      }
    | {
        readonly by: 'key';
        readonly ns: string | undefined;
        readonly model: string | undefined;
      }
  );

/** What a question is named by: exactly one of them. */
const QUESTION = ['messages', 'prompt', 'key'] as const;

/** @throws ToolError `invalid_input` unless exactly one of `messages`, `prompt` and `key` is given; `too_large` as `questionKey` */
export function resolveEntryRef(args: QuestionArgs, { sql, now }: ToolContext): EntryRef {
  const given = QUESTION.filter((name) => args[name] !== undefined);
  if (given.length !== 1) {
    const message = 'Give exactly one of messages, prompt and key.';
    if (given[1] !== undefined) throw notWith(given[1], QUESTION, message);
    throw args.model === undefined
      ? invalidInput('messages', `${message} With messages or prompt, give model as well.`, {
          missing: ['messages', 'model'],
          exclusive: [...QUESTION],
        })
      : noneOf('messages', QUESTION, message);
  }
  if (args.key !== undefined) return byKey(givenKey(sql, args.key), args);
  const { model } = args;
  if (model === undefined)
    throw invalidInput('model', 'model is required with messages or prompt.', { missing: ['model'] });
  const input: QuestionInput =
    args.messages === undefined ? { prompt: args.prompt ?? '' } : { messages: args.messages };
  const ns = args.namespace ?? DEFAULT_NAMESPACE;
  const key = keyInUse(sql, { ...args, namespace: ns, model, input }, now);
  return { by: 'question', ...key, ns, model, input };
}

function byKey(key: VersionedKey, args: QuestionArgs): EntryRef {
  const conflicting = (['provider', 'params', 'variant'] as const).find((name) => args[name] !== undefined);
  if (conflicting !== undefined) {
    throw notWith(
      conflicting,
      ['key', conflicting],
      `${conflicting} cannot be combined with key, which includes it. Leave it out.`,
    );
  }
  return { by: 'key', ...key, ns: args.namespace, model: args.model };
}

/** What is stored about a question besides its key. */
export interface QuestionInfo {
  readonly ns: string;
  readonly model: string;
  /** The text that similar questions are found by; empty if unknown. */
  readonly text: string;
}

/** @throws ToolError `invalid_input` if the caller gave a key with another namespace or model than the key was made with */
export function requireSameNamespaceAndModel(
  ref: EntryRef,
  known: { readonly ns: string; readonly model: string },
): void {
  if (ref.by !== 'key') return;
  const wrong =
    (ref.ns ?? known.ns) !== known.ns
      ? 'namespace'
      : (ref.model ?? known.model) !== known.model
        ? 'model'
        : undefined;
  if (wrong === undefined) return;
  throw invalidInput(
    wrong,
    `${wrong} is not the one that this key was made with. Correct it or leave it out.`,
    { expected: 'absent', current: known[wrong === 'namespace' ? 'ns' : 'model'] },
  );
}

/** Stores a missed question, so that its answer can be stored by the key alone. */
export function saveMissedQuestion(
  sql: Sql,
  { key, keyVersion }: VersionedKey,
  { ns, model, text: words }: QuestionInfo,
): void {
  // Deleted first: a row that is replaced runs no trigger, and would be counted twice.
  sql.exec('DELETE FROM cache_asked WHERE key = ?', key);
  const [row] = sql.exec<{ id: number }>(
    'INSERT INTO cache_asked (key, key_version, ns, model, text) VALUES (?, ?, ?, ?, ?) RETURNING id',
    key,
    keyVersion,
    ns,
    model,
    words,
  );
  if (row !== undefined && row.id % PRUNE_EVERY === 0)
    sql.exec('DELETE FROM cache_asked WHERE id <= ?', row.id - MAX_MISSED_QUESTIONS);
  if (usedBy(sql, 'questions').bytes <= MAX_MISSED_QUESTION_BYTES) return;
  sql.exec(
    'DELETE FROM cache_asked WHERE id IN (SELECT id FROM cache_asked ORDER BY id LIMIT ?)',
    PRUNED_AT_ONCE,
  );
}

/** The question behind an entry: from the call itself, or from the miss that returned the key; undefined if unknown. */
export function findQuestionInfo(sql: Sql, ref: EntryRef): QuestionInfo | undefined {
  if (ref.by === 'question') return { ns: ref.ns, model: ref.model, text: searchableText(ref.input) };
  const [row] = sql.exec<{ ns: string; model: string; text: string }>(
    'SELECT ns, model, text FROM cache_asked WHERE key = ?',
    ref.key,
  );
  if (row !== undefined) requireSameNamespaceAndModel(ref, row);
  return row;
}
