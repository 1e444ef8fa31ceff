/**
 * The cache key of a question, version 1, as it was released: it finds what is stored under such keys, and must not change.
 * `test/vectors/cache-key-v1.json` has examples.
 *
 * The key is the SHA-256, in lower-case hex, of the canonical JSON (RFC 8785) of `{v, ns, provider, model, input, params,
 * variant}`. All seven members are always present: a missing provider or variant is null, missing params are `{}`.
 */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../json/canonical.ts';
import type { Question } from './key.ts';

/** The most UTF-16 code units that the canonical text of a question could have. */
const MAX_QUESTION_CHARS = 4 * 1024 * 1024;

/** Parameters that are not part of the key. */
export const IGNORED_PARAMS_OF_V1: ReadonlySet<string> = new Set([
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

/** The canonical text of a question, whose SHA-256 is the key. */
export function canonicalQuestionOfV1(question: Question): string {
  const { namespace, provider, model, input, params, variant } = question;
  const counting = Object.entries(Object(params)).filter(([name]) => !IGNORED_PARAMS_OF_V1.has(name));
  return canonicalJson({
    v: 1,
    ns: namespace,
    provider: provider ?? null,
    model,
    input: 'messages' in input ? { messages: input.messages } : { prompt: input.prompt },
    params: Object.fromEntries(counting),
    variant: variant ?? null,
  });
}

/** The key of a question; undefined if the question was too large for version 1. */
export function questionKeyOfV1(question: Question): string | undefined {
  const text = canonicalQuestionOfV1(question);
  return text.length > MAX_QUESTION_CHARS ? undefined : createHash('sha256').update(text).digest('hex');
}
