import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { invalidInput, ToolError } from '../errors.ts';

/**
 * Key v1: the SHA-256, in lower-case hex, of the RFC 8785 canonical JSON of
 * `{v, ns, provider, model, input, params, variant}`. All seven members are always there: an absent provider or
 * variant is null, absent params are `{}`. Text counts as it is: nothing is trimmed, folded or normalised.
 * `test/vectors/cache-key-v1.json` has examples for other implementations.
 */
const KEY_VERSION = 1;

export const KEY_CHARS = 64;
export const KEY_PATTERN = /^[0-9a-f]{64}$/;
/** The canonical text of a question may have this many UTF-16 units. */
export const MAX_QUESTION_CHARS = 4 * 1024 * 1024;

/** Parameters that say who asks, how long to wait or how to deliver, but not what is answered. */
export const IGNORED_PARAMS: ReadonlySet<string> = new Set([
  'stream',
  'stream_options',
  'streamOptions',
  'user',
  'metadata',
  'request_id',
  'requestId',
  'client_request_id',
  'clientRequestId',
  'idempotency_key',
  'idempotencyKey',
  'timeout',
  'timeout_s',
  'timeout_ms',
  'timeoutMs',
  'request_timeout',
  'requestTimeout',
  'api_key',
  'apiKey',
  'authorization',
  'headers',
  'extra_headers',
  'extraHeaders',
]);

/** What a model is asked: a conversation of any JSON messages, or one text. */
export type QuestionInput = { readonly messages: readonly unknown[] } | { readonly prompt: string };

export interface Question {
  readonly namespace: string;
  readonly provider?: string | undefined;
  readonly model: string;
  readonly input: QuestionInput;
  /** An object from JSON; unknown names count, those of `IGNORED_PARAMS` do not. */
  readonly params?: unknown;
  readonly variant?: string | undefined;
}

/**
 * The text whose SHA-256 is the key.
 * @throws ToolError `invalid_input` for a number that JavaScript cannot hold exactly, for it would meet another
 * question's key; `too_large` beyond `MAX_QUESTION_CHARS`
 */
export function canonicalQuestion({ namespace, provider, model, input, params, variant }: Question): string {
  if ('messages' in input) refuseInexact('messages', input.messages);
  refuseInexact('params', params);
  const text = canonicalJson({
    v: KEY_VERSION,
    ns: namespace,
    provider: provider ?? null,
    model,
    input: 'messages' in input ? { messages: input.messages } : { prompt: input.prompt },
    params: countingParams(params),
    variant: variant ?? null,
  });
  if (text.length <= MAX_QUESTION_CHARS) return text;
  throw new ToolError(
    'too_large',
    'The messages and params are too large to be cached; ask without the cache.',
    {
      limit: MAX_QUESTION_CHARS,
    },
  );
}

/** The key of a question: 64 hex digits. Throws as `canonicalQuestion` does. */
export function questionKey(question: Question): string {
  return createHash('sha256').update(canonicalQuestion(question)).digest('hex');
}

function countingParams(params: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Object(params)).filter(([name]) => !IGNORED_PARAMS.has(name)));
}

function refuseInexact(field: string, value: unknown): void {
  if (isExact(value)) return;
  throw invalidInput(
    field,
    `${field} holds a number that JavaScript cannot hold exactly; send it as text or within ±(2^53 - 1).`,
  );
}

/** Every double of 2^53 and more stands for several integers. Depth is bounded before any tool runs. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  if (Array.isArray(value)) return value.every(isExact);
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
