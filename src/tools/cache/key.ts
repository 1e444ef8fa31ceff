/**
 * Computes the cache key of a question, version 2: the SHA-256, in lower-case hex, of the canonical JSON (RFC 8785) of
 * `{v, ns, provider, model, input, params, variant}`. All seven members are always present: a missing provider or variant
 * is null, missing params are `{}`. `test/vectors/cache-key-v2.json` has examples for other implementations.
 *
 * Guarantees: equal questions get equal keys, whatever the order of object members. Different questions get different keys,
 * up to SHA-256 collisions: text is not trimmed, case-folded or normalised, and numbers that JavaScript cannot represent
 * exactly are refused, because two of them could become equal.
 * What does not influence the answer is left out: the params in `IGNORED_PARAMS`, and in messages the three things that
 * `keyedMessages` names. Unknown params count.
 * Memory: the canonical text is bounded by `MAX_QUESTION_CHARS`; a larger question fails with `too_large`.
 * The format is public: any change needs a new `KEY_VERSION`, and a frozen copy as `key-v1.ts` is, see `key-in-use.ts`.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import { invalidInput, ToolError } from '../errors.ts';
import { keyedMessages, keyedParams } from './keyed-form.ts';

/** The version of new keys. */
export const KEY_VERSION = 2;
export type KeyVersion = 1 | typeof KEY_VERSION;

export const KEY_CHARS = 64;
export const KEY_PATTERN = /^[0-9a-f]{64}$/;
/** The most UTF-16 code units that the canonical text of a question may have. */
export const MAX_QUESTION_CHARS = 4 * 1024 * 1024;

/** Parameters about the caller, timeouts and delivery. They do not influence the answer, so they are not part of the key. */
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
  'safety_identifier',
  'safetyIdentifier',
  'prompt_cache_key',
  'promptCacheKey',
  'prompt_cache_retention',
  'promptCacheRetention',
  'store',
  'service_tier',
  'serviceTier',
]);

/** The input of a model: a list of messages in any JSON shape, or one text. */
export type QuestionInput = { readonly messages: readonly unknown[] } | { readonly prompt: string };

export interface Question {
  readonly namespace: string;
  readonly provider?: string | undefined;
  readonly model: string;
  readonly input: QuestionInput;
  /** An object from JSON. Members named in `IGNORED_PARAMS` are ignored, all others count. */
  readonly params?: unknown;
  readonly variant?: string | undefined;
}

/**
 * The canonical text of a question, whose SHA-256 is the key.
 * @throws ToolError `invalid_input` for a number that JavaScript cannot represent exactly, `too_large` beyond
 * `MAX_QUESTION_CHARS`
 */
export function canonicalQuestion({ namespace, provider, model, input, params, variant }: Question): string {
  if ('messages' in input) requireExactNumbers('messages', input.messages);
  requireExactNumbers('params', params);
  const text = canonicalJson({
    v: KEY_VERSION,
    ns: namespace,
    provider: provider ?? null,
    model,
    input: 'messages' in input ? { messages: keyedMessages(input.messages) } : { prompt: input.prompt },
    params: keyedParams(params, IGNORED_PARAMS),
    variant: variant ?? null,
  });
  if (text.length <= MAX_QUESTION_CHARS) return text;
  throw new ToolError(
    'too_large',
    'The messages or prompt and params are too large to cache. Call the model without the cache.',
    {
      limit: MAX_QUESTION_CHARS,
    },
  );
}

/** The key of a question: 64 hex digits. Throws the same errors as `canonicalQuestion`. */
export function questionKey(question: Question): string {
  return createHash('sha256').update(canonicalQuestion(question)).digest('hex');
}

function requireExactNumbers(field: string, value: unknown): void {
  if (isExact(value)) return;
  throw invalidInput(
    field,
    `${field} contains a number that JavaScript cannot represent exactly. Send it as text or within ±(2^53 - 1).`,
    { expected: 'string', received: 'number', max: Number.MAX_SAFE_INTEGER },
  );
}

/** A double of 2^53 or more can stand for several integers. The recursion is safe: depth is bounded before any tool runs. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
  if (Array.isArray(value)) return value.every(isExact);
  return typeof value !== 'object' || value === null || Object.values(value).every(isExact);
}
