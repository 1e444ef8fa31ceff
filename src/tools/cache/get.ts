import * as z from 'zod';
import { RawJson } from '../../json/raw-json.ts';
import { utf8Bytes } from '../../json/utf8.ts';
import { notWith } from '../errors.ts';
import { count, ttlSeconds, waitSeconds } from '../fields.ts';
import { type ShownValue, showValue } from '../shown-value.ts';
import { ageSeconds, secondsLeft } from '../time.ts';
import { defineTool, NotYet, type ToolContext } from '../tool.ts';
import {
  type EntryRef,
  findQuestionInfo,
  questionFields,
  questionLog,
  requireSameNamespaceAndModel,
  resolveEntryRef,
  saveMissedQuestion,
} from './cache-input.ts';
import { addToCounter, MICRO_USD_PER_USD, UNLABELLED, type Usage } from './counters.ts';
import { type Entry, findEntry, isServable, MAX_ANSWER_BYTES, readBody, recordHit } from './entries.ts';
import { findLease, grantLease, isActive, type Lease, leaseTopic, MAX_LEASE_S } from './lease.ts';
import { candidateSchema, findSimilar } from './similar.ts';

/** Upper bound of `retry_after_ms` with `pending`: most answers are stored long before the lease expires. */
const MAX_RETRY_MS = 5000;

const output = z.strictObject({
  status: z.enum(['hit', 'stale', 'negative', 'miss', 'pending']),
  key: z.string().describe('Pass it to cache_set to store the answer.'),
  response: z.unknown().optional(),
  failure: z.unknown().optional().describe('With negative: the stored error.'),
  truncated: z.literal(true).optional().describe('The answer is the start of its JSON text.'),
  bytes: count().optional().describe('Full size, when truncated.'),
  age_s: count().optional(),
  expires_in_s: count().optional().describe('0 when stale.'),
  finish_reason: z.string().optional(),
  saved: z.strictObject({ tokens: count(), usd: z.number() }).optional(),
  lease_id: z.string().optional().describe('You hold the lease: pass it to cache_set.'),
  retry_after_ms: count().optional().describe('With pending.'),
  candidates: z.array(candidateSchema).optional(),
});
type Answer = z.output<typeof output>;

export const cacheGet = defineTool({
  name: 'cache_get',
  title: 'Look up an LLM response',
  description:
    'Looks up the stored response to exactly this model, messages and params, before you call a model. hit: use it. stale: usable, ' +
    'refresh it. negative: the call failed a moment ago. miss: call the model, then cache_set with the key. With lease_s only ' +
    'the caller that gets a lease_id does the work; others get pending, or wait wait_s.',
  scope: 'cache:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    ...questionFields,
    max_age_s: ttlSeconds().optional().describe('Older is a miss.'),
    lease_s: z.int().min(1).max(MAX_LEASE_S).optional().describe('Up to 600.'),
    wait_s: waitSeconds().describe('Up to 25.'),
    similar: z.boolean().default(false).describe('On a miss, list similar questions.'),
    max_bytes: z.int().min(1).max(MAX_ANSWER_BYTES).optional(),
  }),
  output,
  log: {
    ...questionLog,
    max_age_s: 'plain',
    lease_s: 'plain',
    wait_s: 'plain',
    similar: 'plain',
    max_bytes: 'plain',
  },
  run: (args, context) => {
    const ref = resolveEntryRef(args, context);
    if (args.similar && ref.by === 'key') {
      throw notWith(
        'similar',
        ['key', 'similar'],
        'similar cannot be combined with key. Give messages or prompt, or leave similar out.',
      );
    }
    const { sql, now } = context;
    const entry = findEntry(sql, ref.key, now);
    const isUsable =
      isServable(entry) && now - entry.storedAt <= (args.max_age_s ?? Number.POSITIVE_INFINITY) * 1000;
    if (isUsable) return serve(ref, entry, args, context);
    const lease = findLease(sql, ref.key, now);
    if (!isActive(lease, now)) return miss(ref, entry, args, context);
    return context.mayWait ? new NotYet(leaseTopic(ref.key), lease.expiresAt) : pending(ref, lease, context);
  },
});

function serve(
  ref: EntryRef,
  entry: Entry,
  { lease_s: leaseS, max_bytes: maxBytes }: { lease_s?: number | undefined; max_bytes?: number | undefined },
  context: ToolContext,
): Answer {
  requireSameNamespaceAndModel(ref, entry);
  const { sql, now, waited } = context;
  const { key, keyVersion } = ref;
  const { ns, model, usage } = entry;
  recordHit(sql, entry.rev, now);
  if (waited) addToCounter(sql, now, ns, model, { counter: 'coalesced' });
  const { value: body, ...cut } = shown(readBody(sql, entry.rev), maxBytes);
  const answer = {
    key,
    ...cut,
    age_s: ageSeconds(entry.storedAt, now),
    expires_in_s: secondsLeft(entry.expiresAt, now),
    finish_reason: entry.finishReason ?? undefined,
  };
  if (entry.kind === 'error') {
    addToCounter(sql, now, ns, model, { counter: 'negative' });
    return { status: 'negative', failure: body, ...answer };
  }
  if (entry.state === 'stale') {
    addToCounter(sql, now, ns, model, { counter: 'stale' });
    const isFree = leaseS !== undefined && !isActive(findLease(sql, key, now), now);
    const lease_id = isFree ? grantLease(context, { key, keyVersion, ns, model, leaseS }) : undefined;
    return { status: 'stale', response: body, ...answer, lease_id };
  }
  addToCounter(sql, now, ns, model, { counter: 'hits', ...(usage !== undefined && { saved: usage }) });
  return { status: 'hit', response: body, ...answer, saved: usage && describeUsage(usage) };
}

/** The stored answer: whole, unless the caller wants at most `maxBytes` of it. */
function shown(json: string, maxBytes: number | undefined): ShownValue {
  return maxBytes === undefined ? { value: new RawJson(json) } : showValue(json, utf8Bytes(json), maxBytes);
}

const describeUsage = ({ tokens, microUsd }: Usage) => ({ tokens, usd: microUsd / MICRO_USD_PER_USD });

function pending(ref: EntryRef, lease: Lease, { sql, now }: ToolContext): Answer {
  const ns = lease.ns ?? ref.ns ?? UNLABELLED;
  const model = lease.model ?? ref.model ?? UNLABELLED;
  requireSameNamespaceAndModel(ref, { ns, model });
  addToCounter(sql, now, ns, model, { counter: 'coalesced' });
  return {
    status: 'pending',
    key: ref.key,
    retry_after_ms: Math.min(lease.expiresAt - now, MAX_RETRY_MS),
  };
}

function miss(
  ref: EntryRef,
  entry: Entry | undefined,
  { similar, lease_s: leaseS }: { similar: boolean; lease_s?: number | undefined },
  context: ToolContext,
): Answer {
  const { sql, now } = context;
  const { key, keyVersion } = ref;
  const info = findQuestionInfo(sql, ref);
  const { ns, model } = info ?? entry ?? ref;
  addToCounter(sql, now, ns ?? UNLABELLED, model ?? UNLABELLED, { counter: 'misses' });
  if (ref.by === 'question' && info !== undefined) saveMissedQuestion(sql, ref, info);
  const lease_id =
    leaseS === undefined ? undefined : grantLease(context, { key, keyVersion, ns, model, leaseS });
  const similarQuestions =
    similar && info !== undefined ? findSimilar(sql, info.ns, info.text, now) : undefined;
  return { status: 'miss', key, lease_id, candidates: similarQuestions };
}
