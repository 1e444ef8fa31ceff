import * as z from 'zod';
import { invalidInput, ToolError } from '../errors.ts';
import { count as countField, tags, text, ttlSeconds } from '../fields.ts';
import { defineTool, type ToolContext } from '../tool.ts';
import {
  type Asked,
  askedFor,
  DEFAULT_NAMESPACE,
  type Labels,
  labelsOf,
  questionFields,
  questionLog,
  requireSame,
} from './cache-input.ts';
import { count } from './counters.ts';
import { reclaim } from './invalidation.ts';
import { endLease, findLease, type Lease, leaseId, lostByTag, revOf } from './lease.ts';
import { makeRoom, type Victim } from './quota.ts';
import { readText } from './similar.ts';
import { type Entry, findEntry, insertEntry, type NewEntry, removeEntry, sizeOf, toBody } from './store.ts';
import { sweepCache } from './sweep.ts';
import { unfitness } from './uncacheable.ts';

const DEFAULT_TTL_S = 86_400;
/** A stored error is served no longer than this, whatever `ttl_s` says. */
export const MAX_ERROR_TTL_S = 300;
const MAX_STALE_S = 31_536_000;
const MAX_TOKENS = 10_000_000;
const MAX_COST_USD = 10_000;
const MICRO = 1_000_000;
const RECLAIMED_PER_SET = 4;

const tokens = () => z.int().min(0).max(MAX_TOKENS).optional();
const input = z.strictObject({
  ...questionFields,
  response: z.unknown().optional().describe('The answer of the model, any JSON.'),
  error: z.unknown().optional().describe('Instead of response: why the call failed; kept at most 300 s.'),
  finish_reason: text(1, 64)
    .optional()
    .describe('As the model reported it; incomplete answers are not stored.'),
  usage: z
    .strictObject({
      input_tokens: tokens(),
      output_tokens: tokens(),
      cost_usd: z.number().min(0).max(MAX_COST_USD).optional(),
    })
    .optional()
    .describe('What the call took: counted as saved on every hit.'),
  ttl_s: ttlSeconds().default(DEFAULT_TTL_S),
  stale_s: z.int().min(0).max(MAX_STALE_S).default(0).describe('Served as stale for so long after ttl_s.'),
  tags: tags().describe('To invalidate by.'),
  lease_id: leaseId().optional().describe('From cache_get: ends the lease.'),
});
type Args = z.output<typeof input>;

const output = z.strictObject({
  status: z.enum(['stored', 'replaced', 'rejected']),
  reason: z
    .enum(['truncated', 'refused', 'filtered', 'empty', 'answered', 'no_room', 'lease_lost'])
    .optional()
    .describe(
      'answered: an error does not replace a usable response. no_room: room is being made, try again. ' +
        'lease_lost: someone else took the work over or stored an answer, or it was invalidated.',
    ),
  key: z.string(),
  bytes: countField(),
  expires_in_s: countField(),
  evicted: countField().describe('Entries dropped to make room.'),
});
type Answer = z.output<typeof output>;

export const cacheSet = defineTool({
  name: 'cache_set',
  title: 'Store an LLM response',
  description:
    'Stores the response of a model call, for cache_get to find: give the key of the miss, or the same model, ' +
    'messages and params as in the lookup. Answers that were truncated, refused, filtered or are empty are rejected. ' +
    'Give error instead of response to keep others from repeating a call that fails. With a lease_id, pass it on.',
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
    const asked = askedFor(args);
    const known = findEntry(context.sql, asked.key, context.now);
    const lease = findLease(context.sql, asked.key, context.now);
    const labels = labelsFor(asked, known, lease, context);
    if (isLost(args, labels.ns, known, lease, context)) {
      // Its holder will not store any more: another may try at once.
      if (lease !== undefined && lease.rev === heldRev(args)) endLease(context, asked.key);
      return rejected('lease_lost', asked.key, labels, context);
    }
    const reason =
      unfitness(answer.value, answer.kind === 'response' ? args.finish_reason : undefined) ??
      outranked(answer, known);
    if (reason === undefined) return store(newEntry(args, answer, asked.key, labels), known, context);
    // The holder of the lease has no answer to give: another may try at once.
    if (args.lease_id !== undefined) endLease(context, asked.key);
    return rejected(reason, asked.key, labels, context);
  },
});

interface GivenAnswer {
  readonly kind: NewEntry['kind'];
  readonly value: unknown;
}

function answerOf(args: Args): GivenAnswer {
  if ((args.response === undefined) === (args.error === undefined)) {
    throw invalidInput('response', 'Give exactly one of response and error.');
  }
  if (args.error === undefined) return { kind: 'response', value: args.response };
  if (args.stale_s > 0) {
    throw invalidInput('stale_s', 'stale_s is for responses: an error is never served stale; leave it out.');
  }
  return { kind: 'error', value: args.error };
}

/**
 * Whether the work was taken over or invalidated since the lease was given. Without its lease, an answer is its holder's
 * only while the entry is the one it stored itself: then the call is repeated.
 */
function isLost(
  args: Args,
  ns: string,
  known: Entry | undefined,
  lease: Lease | undefined,
  { sql }: ToolContext,
): boolean {
  const rev = heldRev(args);
  if (rev === undefined) return false;
  if (lease === undefined) return known?.state !== 'fresh' || known.lease !== rev;
  return lease.rev !== rev || lostByTag(sql, lease, ns, args.tags ?? []);
}

const heldRev = ({ lease_id: id }: Args) => (id === undefined ? undefined : revOf(id));

/** One caller's failure must not take away what another caller's success has stored. */
function outranked(answer: GivenAnswer, known: Entry | undefined): 'answered' | undefined {
  return answer.kind === 'error' && isLive(known) && known.kind === 'response' ? 'answered' : undefined;
}

function isLive(known: Entry | undefined): known is Entry {
  return known !== undefined && known.state !== 'dead';
}

function rejected(
  reason: NonNullable<Answer['reason']>,
  key: string,
  { ns, model }: Pick<Labels, 'ns' | 'model'>,
  { sql, now }: ToolContext,
  evicted = 0,
): Answer {
  count(sql, now, ns, model, { what: 'rejected' });
  return { status: 'rejected', reason, key, bytes: 0, expires_in_s: 0, evicted };
}

function store(entry: NewEntry, known: Entry | undefined, context: ToolContext): Answer {
  const { sql, now } = context;
  if (known !== undefined) removeEntry(sql, known.rev);
  reclaim(sql, now, RECLAIMED_PER_SET);
  const { fits, evicted } = makeRoom(sql, sizeOf(entry), now);
  countEvicted(evicted, context);
  if (!fits) return rejected('no_room', entry.key, entry, context, evicted.length);
  insertEntry(sql, context.nextRev(), entry, now);
  endLease(context, entry.key);
  return {
    status: isLive(known) ? 'replaced' : 'stored',
    key: entry.key,
    bytes: entry.body.bytes,
    expires_in_s: entry.ttlS,
    evicted: evicted.length,
  };
}

/** Namespace, model and words under which the answer is stored. */
function labelsFor(
  asked: Asked,
  known: Entry | undefined,
  lease: Lease | undefined,
  { sql }: ToolContext,
): Labels {
  if (known !== undefined) requireSame(asked, known);
  const labels = labelsOf(sql, asked);
  if (labels !== undefined) return labels;
  if (known !== undefined) return { ns: known.ns, model: known.model, text: readText(sql, known.rev) };
  if (lease !== undefined && lease.ns !== null && lease.model !== null) {
    const told = { ns: lease.ns, model: lease.model };
    requireSame(asked, told);
    return { ...told, text: '' };
  }
  if (asked.model !== undefined) return { ns: asked.ns ?? DEFAULT_NAMESPACE, model: asked.model, text: '' };
  throw new ToolError(
    'unknown_handle',
    'No recent miss gave this key; send model with it, or model and messages instead of the key.',
    { field: 'key' },
  );
}

function newEntry(args: Args, { kind, value }: GivenAnswer, key: string, labels: Labels): NewEntry {
  const { input_tokens: asked, output_tokens: answered, cost_usd: cost } = args.usage ?? {};
  const isKnown = asked !== undefined || answered !== undefined;
  return {
    key,
    ...labels,
    kind,
    body: toBody(kind, value),
    finishReason: args.finish_reason,
    tokens: isKnown ? (asked ?? 0) + (answered ?? 0) : undefined,
    microUsd: cost === undefined ? undefined : Math.round(cost * MICRO),
    ttlS: kind === 'error' ? Math.min(args.ttl_s, MAX_ERROR_TTL_S) : args.ttl_s,
    staleS: args.stale_s,
    tags: args.tags ?? [],
    lease: heldRev(args),
  };
}

function countEvicted(evicted: readonly Victim[], { sql, now }: ToolContext): void {
  const groups = Map.groupBy(evicted, ({ ns, model }) => JSON.stringify([ns, model]));
  for (const [first, ...rest] of groups.values()) {
    if (first !== undefined)
      count(sql, now, first.ns, first.model, { what: 'evicted', times: rest.length + 1 });
  }
}
