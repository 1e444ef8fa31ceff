import * as z from 'zod';
import { noneOf, notWith, ToolError } from '../errors.ts';
import { anyJson, count, storedAs, storedAsOf, tags, text, ttlSeconds } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import {
  DEFAULT_NAMESPACE,
  type EntryRef,
  findQuestionInfo,
  type QuestionInfo,
  questionFields,
  questionLog,
  requireSameNamespaceAndModel,
  resolveEntryRef,
} from './cache-input.ts';
import { addToCounter, MICRO_USD_PER_USD } from './counters.ts';
import {
  type Entry,
  encodeBody,
  entrySize,
  findEntry,
  insertEntry,
  isServable,
  type NewEntry,
  removeEntry,
} from './entries.ts';
import { reclaim } from './invalidation.ts';
import type { VersionedKey } from './key-in-use.ts';
import { endLease, findLease, type Lease, leaseId, leaseRevOf, wasTagInvalidated } from './lease.ts';
import { type EvictedEntry, evictToFit } from './quota.ts';
import { parseBody } from './response/text-body.ts';
import { costOf, tokensOfBody, tokensOfUsage, usageField } from './response/usage.ts';
import { readQuestionText } from './similar.ts';
import { sweepCache } from './sweep.ts';
import { isEmpty, uncacheableReason } from './uncacheable.ts';

const DEFAULT_TTL_S = 86_400;
/** Upper bound of `ttl_s` for a stored error. */
export const MAX_ERROR_TTL_S = 300;
const MAX_STALE_S = 31_536_000;
/** Dead entries that each call deletes, so that they do not pile up between sweeps. */
const RECLAIMED_PER_SET = 2;

const input = z.strictObject({
  ...questionFields,
  response: anyJson()
    .optional()
    .meta({ insteadOf: ['error'] }),
  error: anyJson()
    .optional()
    .describe('Instead of response: kept up to 300 s.')
    .meta({ insteadOf: ['response'] }),
  finish_reason: text(1, 64).optional(),
  usage: usageField().optional().describe('As the provider reports it, and cost_usd.'),
  ttl_s: ttlSeconds().default(DEFAULT_TTL_S),
  stale_s: z.int().min(0).max(MAX_STALE_S).default(0).describe('Stale so long after ttl_s.'),
  tags: tags(),
  lease_id: leaseId().optional().describe('From cache_get.'),
});
type Args = z.output<typeof input>;

const output = z.strictObject({
  status: z.enum(['stored', 'replaced', 'rejected']),
  reason: z
    .enum([
      'truncated',
      'refused',
      'filtered',
      'failed',
      'paused',
      'empty',
      'unknown_finish_reason',
      'answered',
      'no_room',
      'lease_lost',
    ])
    .optional()
    .describe(
      'answered: an error does not replace a usable response. no_room: entries are being evicted, try again. ' +
        'lease_lost: another caller took over or stored an answer, or it was invalidated.',
    ),
  key: z.string(),
  bytes: count(),
  expires_in_s: count(),
  evicted: count().describe('Entries removed to free space.'),
  stored_as: storedAs(),
});
type Answer = z.output<typeof output>;

export const cacheSet = defineTool({
  name: 'cache_set',
  title: 'Store an LLM response',
  description:
    'Stores a model response for cache_get: by the key of the miss, or by the same model, messages and params. Cut-off, refused ' +
    'or empty answers are rejected. error instead of response keeps others from repeating a call that fails. Pass the lease_id ' +
    'if you have one.',
  scope: 'cache:write',
  cost: 1,
  grows: true,
  sweep: sweepCache,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input,
  output,
  log: {
    ...questionLog,
    response: 'omit',
    error: 'omit',
    finish_reason: 'plain',
    usage: 'omit',
    ttl_s: 'plain',
    stale_s: 'plain',
    tags: 'plain',
    lease_id: 'plain',
  },
  run: (args, context) => {
    const answer = answerOf(args);
    const ref = resolveEntryRef(args, context);
    const current = findEntry(context.sql, ref.key, context.now);
    const lease = findLease(context.sql, ref.key, context.now);
    const info = questionInfoFor(ref, current, lease, context);
    if (hasLostLease(args, info.ns, current, lease, context)) {
      // This holder can no longer store an answer, so the next caller may take the lease at once.
      if (lease !== undefined && lease.rev === givenLeaseRev(args)) endLease(context, ref.key);
      return reject('lease_lost', ref.key, info, context);
    }
    const reason = refusalOf(answer, args.finish_reason, current);
    if (reason === undefined) {
      const stored = store(newEntry(args, answer, ref, info), current, context);
      return stored.status === 'rejected' ? stored : { ...stored, stored_as: storedAsOf(answer.value) };
    }
    // The holder has no answer to store, so the next caller may take the lease at once.
    if (args.lease_id !== undefined) endLease(context, ref.key);
    return reject(reason, ref.key, info, context);
  },
});

interface GivenAnswer {
  readonly kind: NewEntry['kind'];
  readonly value: unknown;
}

function answerOf(args: Args): GivenAnswer {
  if ((args.response === undefined) === (args.error === undefined)) {
    const message = 'Give exactly one of response and error.';
    throw args.error === undefined
      ? noneOf('response', ['response', 'error'], message)
      : notWith('error', ['response', 'error'], message);
  }
  if (args.error === undefined) return { kind: 'response', value: args.response };
  if (args.stale_s > 0) {
    throw notWith(
      'stale_s',
      ['error', 'stale_s'],
      'stale_s applies to responses only, because errors are never served stale. Leave it out.',
    );
  }
  return { kind: 'error', value: args.error };
}

/**
 * Whether the lease was taken over or invalidated since it was granted. If the lease no longer exists, the call is accepted only
 * as a repetition: the fresh entry must be the one that was stored with this same lease.
 */
function hasLostLease(
  args: Args,
  ns: string,
  current: Entry | undefined,
  lease: Lease | undefined,
  { sql }: ToolContext,
): boolean {
  const rev = givenLeaseRev(args);
  if (rev === undefined) return false;
  if (lease === undefined) return current?.state !== 'fresh' || current.lease !== rev;
  return lease.rev !== rev || wasTagInvalidated(sql, lease, ns, args.tags ?? []);
}

const givenLeaseRev = ({ lease_id: id }: Args) => (id === undefined ? undefined : leaseRevOf(id));

/** Why the answer is not stored, if so. A stored error must not replace a response that can still be served. */
function refusalOf(
  { kind, value }: GivenAnswer,
  finishReason: string | undefined,
  current: Entry | undefined,
): NonNullable<Answer['reason']> | undefined {
  if (kind === 'response') return uncacheableReason(value, finishReason);
  if (isEmpty(value)) return 'empty';
  return isServable(current) && current.kind === 'response' ? 'answered' : undefined;
}

function reject(
  reason: NonNullable<Answer['reason']>,
  key: string,
  { ns, model }: Pick<QuestionInfo, 'ns' | 'model'>,
  { sql, now }: ToolContext,
  evicted = 0,
): Answer {
  addToCounter(sql, now, ns, model, { counter: 'rejected' });
  return { status: 'rejected', reason, key, bytes: 0, expires_in_s: 0, evicted };
}

function store(entry: NewEntry, current: Entry | undefined, context: ToolContext): Answer {
  const { sql, now } = context;
  if (current !== undefined) removeEntry(sql, current.rev);
  reclaim(sql, now, RECLAIMED_PER_SET);
  const { fits, evicted } = evictToFit(sql, entrySize(entry), now);
  countEvicted(evicted, context);
  if (!fits) return reject('no_room', entry.key, entry, context, evicted.length);
  insertEntry(sql, context.nextRev(), entry, now);
  endLease(context, entry.key);
  return {
    status: isServable(current) ? 'replaced' : 'stored',
    key: entry.key,
    bytes: entry.body.bytes,
    expires_in_s: entry.ttlS,
    evicted: evicted.length,
  };
}

/**
 * What to store about the question, from the best source that exists: the call or the stored miss, the replaced entry,
 * the lease, or the model that the caller gave with the key.
 */
function questionInfoFor(
  ref: EntryRef,
  current: Entry | undefined,
  lease: Lease | undefined,
  { sql }: ToolContext,
): QuestionInfo {
  if (current !== undefined) requireSameNamespaceAndModel(ref, current);
  const info = findQuestionInfo(sql, ref);
  if (info !== undefined) return info;
  if (current !== undefined)
    return { ns: current.ns, model: current.model, text: readQuestionText(sql, current.rev) };
  if (lease !== undefined && lease.ns !== null && lease.model !== null) {
    const fromLease = { ns: lease.ns, model: lease.model };
    requireSameNamespaceAndModel(ref, fromLease);
    return { ...fromLease, text: '' };
  }
  if (ref.model !== undefined) return { ns: ref.ns ?? DEFAULT_NAMESPACE, model: ref.model, text: '' };
  throw new ToolError(
    'unknown_handle',
    'This key is unknown. Pass model together with key, or model and messages instead of key.',
    { field: 'key', missing: ['model'] },
  );
}

function newEntry(
  args: Args,
  { kind, value }: GivenAnswer,
  { key, keyVersion }: VersionedKey,
  info: QuestionInfo,
): NewEntry {
  const cost = costOf(args.usage);
  return {
    key,
    keyVersion,
    ...info,
    kind,
    body: encodeBody(kind, value),
    finishReason: args.finish_reason,
    tokens: tokensOfUsage(args.usage) ?? (kind === 'response' ? tokensOfBody(parseBody(value)) : undefined),
    microUsd: cost === undefined ? undefined : Math.round(cost * MICRO_USD_PER_USD),
    ttlS: kind === 'error' ? Math.min(args.ttl_s, MAX_ERROR_TTL_S) : args.ttl_s,
    staleS: args.stale_s,
    tags: args.tags ?? [],
    lease: givenLeaseRev(args),
  };
}

function countEvicted(evicted: readonly EvictedEntry[], { sql, now }: ToolContext): void {
  const groups = Map.groupBy(evicted, ({ ns, model }) => JSON.stringify([ns, model]));
  for (const [first, ...rest] of groups.values()) {
    if (first !== undefined)
      addToCounter(sql, now, first.ns, first.model, { counter: 'evicted', times: rest.length + 1 });
  }
}
