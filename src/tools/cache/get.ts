import * as z from 'zod';
import { invalidInput } from '../errors.ts';
import { count as countField, ttlSeconds } from '../fields.ts';
import { defineTool, NotYet, type ToolContext } from '../tool.ts';
import {
  type Asked,
  askedFor,
  labelsOf,
  questionFields,
  questionLog,
  remember,
  requireSame,
} from './cache-input.ts';
import { count, SHARED, type Usage } from './counters.ts';
import { findLease, grantLease, isLiving, type Lease, MAX_LEASE_S, topicOf } from './lease.ts';
import { candidateSchema, candidates } from './similar.ts';
import { type Entry, findEntry, markHit, readBody } from './store.ts';

const MICRO = 1_000_000;
const MAX_WAIT_S = 25;
/** Who is told `pending` is not sent away for longer: the answer mostly comes before the lease expires. */
const MAX_RETRY_MS = 5000;

const output = z.strictObject({
  status: z.enum(['hit', 'stale', 'negative', 'miss', 'pending']),
  key: z.string().describe('Store the answer under it with cache_set.'),
  response: z.unknown().optional(),
  failure: z.unknown().optional().describe('With negative: the stored error.'),
  age_s: countField().optional(),
  expires_in_s: countField().optional().describe('0 when stale.'),
  finish_reason: z.string().optional(),
  saved: z.strictObject({ tokens: countField(), usd: z.number() }).optional(),
  lease_id: z.string().optional().describe('The work is yours: pass it to cache_set.'),
  retry_after_ms: countField().optional().describe('With pending.'),
  candidates: z.array(candidateSchema).optional(),
});
type Answer = z.output<typeof output>;

export const cacheGet = defineTool({
  name: 'cache_get',
  title: 'Look up an LLM response',
  description:
    'Look here before calling a model: the stored response to exactly the same model, messages and params. ' +
    'hit: use it. negative: this call failed a short while ago. miss: call the model, then cache_set with the returned ' +
    'key, without sending the messages again. stale: usable, but refresh it with cache_set. ' +
    'With lease_s the work is for who gets a lease_id only: the others get pending, or wait up to wait_s for the ' +
    'answer. similar adds near questions to a miss, for you to judge; read one by its key.',
  scope: 'cache:read',
  cost: 1,
  grows: false,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  input: z.strictObject({
    ...questionFields,
    max_age_s: ttlSeconds().optional().describe('Older answers count as a miss.'),
    lease_s: z
      .int()
      .min(1)
      .max(MAX_LEASE_S)
      .optional()
      .describe('On a miss or stale, take on the work for so long, unless someone has.'),
    wait_s: z.int().min(0).max(MAX_WAIT_S).default(0).describe('How long to wait while someone works on it.'),
    similar: z.boolean().default(false).describe('On a miss, also list up to 3 similar questions.'),
  }),
  output,
  log: { ...questionLog, max_age_s: 'plain', lease_s: 'plain', wait_s: 'plain', similar: 'plain' },
  run: (args, context) => {
    const asked = askedFor(args);
    if (args.similar && asked.by === 'key') {
      throw invalidInput('similar', 'similar needs messages or prompt; leave it out when a key is given.');
    }
    const { sql, now } = context;
    const entry = findEntry(sql, asked.key, now);
    const isServed =
      entry !== undefined &&
      entry.state !== 'dead' &&
      now - entry.storedAt <= (args.max_age_s ?? Number.POSITIVE_INFINITY) * 1000;
    if (isServed) return served(asked, entry, args.lease_s, context);
    const lease = findLease(sql, asked.key, now);
    if (!isLiving(lease, now)) return missed(asked, entry, args, context);
    return context.mayWait ? new NotYet(topicOf(asked.key), lease.expiresAt) : pending(asked, lease, context);
  },
});

function served(asked: Asked, entry: Entry, leaseS: number | undefined, context: ToolContext): Answer {
  requireSame(asked, entry);
  const { sql, now, waited } = context;
  const { key } = asked;
  const { ns, model, usage } = entry;
  markHit(sql, entry.rev, now);
  if (waited) count(sql, now, ns, model, { what: 'coalesced' });
  const answer = {
    key,
    age_s: Math.max(0, Math.floor((now - entry.storedAt) / 1000)),
    expires_in_s: Math.max(0, Math.ceil((entry.expiresAt - now) / 1000)),
    finish_reason: entry.finishReason ?? undefined,
  };
  const body = readBody(sql, entry.rev);
  if (entry.kind === 'error') {
    count(sql, now, ns, model, { what: 'negative' });
    return { status: 'negative', failure: body, ...answer };
  }
  if (entry.state === 'stale') {
    count(sql, now, ns, model, { what: 'stale' });
    const isFree = leaseS !== undefined && !isLiving(findLease(sql, key, now), now);
    const lease_id = isFree ? grantLease(context, { key, ns, model, leaseS }) : undefined;
    return { status: 'stale', response: body, ...answer, lease_id };
  }
  count(sql, now, ns, model, { what: 'hits', ...(usage !== undefined && { saved: usage }) });
  return { status: 'hit', response: body, ...answer, saved: usage && shown(usage) };
}

const shown = ({ tokens, microUsd }: Usage) => ({ tokens, usd: microUsd / MICRO });

function pending(asked: Asked, lease: Lease, { sql, now }: ToolContext): Answer {
  const ns = lease.ns ?? asked.ns ?? SHARED;
  const model = lease.model ?? asked.model ?? SHARED;
  requireSame(asked, { ns, model });
  count(sql, now, ns, model, { what: 'coalesced' });
  return {
    status: 'pending',
    key: asked.key,
    retry_after_ms: Math.min(lease.expiresAt - now, MAX_RETRY_MS),
  };
}

function missed(
  asked: Asked,
  entry: Entry | undefined,
  { similar, lease_s: leaseS }: { similar: boolean; lease_s?: number | undefined },
  context: ToolContext,
): Answer {
  const { sql, now } = context;
  const { key } = asked;
  const labels = labelsOf(sql, asked);
  const { ns, model } = labels ?? entry ?? asked;
  count(sql, now, ns ?? SHARED, model ?? SHARED, { what: 'misses' });
  if (asked.by === 'question' && labels !== undefined) remember(sql, key, labels);
  const lease_id = leaseS === undefined ? undefined : grantLease(context, { key, ns, model, leaseS });
  const found = similar && labels !== undefined ? candidates(sql, labels.ns, labels.text, now) : undefined;
  return { status: 'miss', key, lease_id, candidates: found };
}
